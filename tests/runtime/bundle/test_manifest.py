"""A manifest that a stranger wrote: pictures or one clear error, whatever it says."""

import json
import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pgen
from pgen.bundle.reader import EMBEDDED, MANIFEST
from pgen.errors import BundleInvalid
from pokegan.errors import PokeganError


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "changed"
    shutil.copytree(tiny_bundle, folder)
    return folder


def places(value: Any, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """List the path of every value in a JSON document, but for what no runtime reads."""
    yield before
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        if key not in ("parity", "provenance"):
            yield from places(one, (*before, key))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70),
    st.sampled_from([0, 2**31, 2**70, 1e400, 0.5]),
    st.sampled_from(["", "batch", "pictures", "latent", "float32", "text-to-image", "encoder.onnx", "../x", "x" * 300]),
    st.just([]),
    st.just({}),
    st.just(["a"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_manifest_draws_or_is_refused(bundle: Path, tiny_bundle: Path, data: st.DataObject) -> None:
    change(bundle, json.loads((tiny_bundle / MANIFEST).read_text("utf-8")), data)
    try:
        pictures = pgen.load(bundle, "cpu", threads=1).images(["redball", "a text to encode"], stage=1)
        assert pictures.shape[0] == 2
    except PokeganError as error:
        assert len(error.message.splitlines()) == 1  # noqa: PT017


def change(bundle: Path, manifest: dict[str, Any], data: st.DataObject) -> None:
    """Write a manifest with one value changed or removed."""
    *above, last = data.draw(st.sampled_from(list(places(manifest))[1:]))
    around = manifest
    for key in above:
        around = around[key]
    if data.draw(st.booleans()):
        around[last] = data.draw(VALUES)
    else:
        del around[last]
    (bundle / MANIFEST).write_text(json.dumps(manifest), "utf-8")


STATS = json.loads((EMBEDDED / MANIFEST).read_text("utf-8"))
STATS = STATS | {"models": {"stats": STATS["models"]["stats"]}, "files": {"stats.onnx": STATS["files"]["stats.onnx"]}}
"""The manifest of the embedded bundle, with its stats model alone."""


@pytest.fixture(scope="module")
def stats_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stats-bundle")
    shutil.copy(EMBEDDED / "stats.onnx", folder)
    return folder


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_stats_manifest_generates_rows_or_is_refused(stats_bundle: Path, data: st.DataObject) -> None:
    change(stats_bundle, deepcopy(STATS), data)
    generate_or_refuse(stats_bundle)


@pytest.mark.parametrize("value", [None, 5, ["fire"], "fire", {}])
@pytest.mark.parametrize("name", ["latent_dim", "stat_names", "type_names", "rarity_names"])
def test_damaged_settings_of_stats_are_refused(stats_bundle: Path, name: str, value: Any) -> None:
    manifest = deepcopy(STATS)
    changed = manifest["models"]["stats"]["settings"]
    changed |= {name: value}
    if value is None:
        del changed[name]
    (stats_bundle / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    if (name, value) != ("latent_dim", 5):  # a latent of another size is refused by the graph
        with pytest.raises(BundleInvalid, match=name):
            pgen.load(stats_bundle, "cpu", threads=1)
    generate_or_refuse(stats_bundle)


def generate_or_refuse(bundle: Path) -> None:
    try:
        assert len(list(pgen.load(bundle, "cpu", threads=1).stats(2))) == 2
    except PokeganError as error:
        assert len(error.message.splitlines()) == 1  # noqa: PT017
