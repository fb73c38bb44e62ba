"""Malformed bundles and engines: one line and exit code 2."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pgen.bundle.engines import read_engine
from pgen.bundle.reader import EMBEDDED, MANIFEST, open_bundle
from pgexport.cli import main
from pokegan.errors import PokeganError
from tests.export.engines import add_engine

NAME = "dcgan"

MANIFESTS: dict[str, tuple[tuple[str, ...], Any]] = {
    "data is a number": (("provenance", "run", "data"), 5),
    "run is a list": (("provenance", "run"), []),
    "epoch is missing": (("provenance", "run", "epoch"), None),
    "epochs is a word": (("provenance", "run", "epochs"), "x"),
    "versions is a number": (("provenance", "export", "versions"), 3),
    "graph is a number": (("provenance", "export", "graph"), 3),
    "nodes is a list": (("provenance", "export", "graph", "nodes"), []),
    "evaluation is a list": (("provenance", "evaluation"), [1]),
    "figures is a list": (("parity", "figures"), []),
    "a figure is a number": (("parity", "figures", "psnr"), 3),
    "measured is a word": (("parity", "figures", "psnr", "measured"), "x"),
    "measured has no end": (("parity", "figures", "psnr", "measured"), 10**400),
    "limit is missing": (("parity", "figures", "psnr"), {"measured": 1.0}),
    "batches is a word": (("parity", "batches"), "abc"),
    "a batch is 0": (("parity", "batches"), [0]),
    "a batch is infinite": (("parity", "batches"), [1e999]),
    "storage is a list": (("parity", "storage"), []),
    "dtype is unknown": (("inputs",), [{"name": "latent", "dtype": "float8", "shape": ["batch", 128]}]),
}


@pytest.mark.parametrize("fault", MANIFESTS)
@pytest.mark.parametrize(
    "words", [("inspect", "BUNDLE"), ("BUNDLE", "--triton", "REPOSITORY")], ids=["inspect", "triton"]
)
def test_bad_manifest_is_one_line(tmp_path: Path, fault: str, words: tuple[str, ...]) -> None:
    (*above, last), value = MANIFESTS[fault]
    values = json.loads((EMBEDDED / MANIFEST).read_text("utf-8"))
    around = values["models"][NAME]
    for key in above:
        around = around[key]
    around[last] = value
    if value is None:
        del around[last]
    (tmp_path / MANIFEST).write_text(json.dumps(values), "utf-8")
    places = {"BUNDLE": str(tmp_path), "REPOSITORY": str(tmp_path / "models")}
    done = CliRunner().invoke(main, [places.get(word, word) for word in words])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
    assert "manifest.json: damaged" in done.stderr
    assert not (tmp_path / "models").exists()


def test_inspect_does_without_what_a_manifest_may_lack(tmp_path: Path) -> None:
    values = json.loads((EMBEDDED / MANIFEST).read_text("utf-8"))
    del values["models"][NAME]["provenance"]["run"]["epochs"]
    del values["models"][NAME]["provenance"]["run"]["data"]["examples"]
    (tmp_path / MANIFEST).write_text(json.dumps(values), "utf-8")
    done = CliRunner().invoke(main, ["inspect", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "unknown examples" in done.output


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded bundle as far as it is looked at here."""
    folder = tmp_path_factory.mktemp("bundles") / "small"
    folder.mkdir()
    for name in (MANIFEST, f"{NAME}.onnx"):
        shutil.copy(EMBEDDED / name, folder)
    return folder


OPTIONS = {"batches": [1, 4, 24], "workspace": None, "version_compatible": False, "hardware_compatible": False}
SIDECARS: dict[str, dict[str, Any]] = {
    "a batch is infinite": {"options": OPTIONS | {"batches": [1, 4, 1e999]}},
    "a batch is a word": {"options": OPTIONS | {"batches": [1, 4, "x"]}},
    "batches fall": {"options": OPTIONS | {"batches": [4, 1, 24]}},
    "batches are a number": {"options": OPTIONS | {"batches": 5}},
    "options are a list": {"options": []},
    "workspace is a word": {"options": OPTIONS | {"workspace": "x"}},
    "compatible is a word": {"options": OPTIONS | {"version_compatible": "no"}},
    "tensorrt is a number": {"tensorrt": 10},
    "tensorrt is no version": {"tensorrt": "9" * 5000},
    "gpu is a list": {"gpu": []},
    "profile is a list": {"profile": [1]},
    "a shape is a number": {"profile": {"latent": [1, 2, 3]}},
    "a figure is a word": {"parity": {"pixels": "x"}},
    "format is a word": {"format": "x"},
}


@pytest.mark.parametrize("fault", SIDECARS)
def test_bad_sidecar_is_one_line(bundle: Path, fault: str) -> None:
    add_engine(bundle, NAME, **SIDECARS[fault])
    refused(bundle, r"dcgan\.json: damaged .*; build the engine again")


def refused(bundle: Path, message: str) -> None:
    with pytest.raises(PokeganError, match=message) as failed:
        read_engine(open_bundle(bundle), NAME)
    assert "\n" not in failed.value.message
    done = CliRunner().invoke(main, ["inspect", str(bundle), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["engines"][NAME]["wrong"] == failed.value.message
    done = CliRunner().invoke(main, [str(bundle), "--triton", str(bundle.parent / "models")])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output


def nested(plan: Path) -> None:
    plan.with_suffix(".json").write_text("[" * 200_000)


def endless(plan: Path) -> None:
    with plan.open("r+b") as file:
        file.truncate(2**41)  # sparse: it takes no room


def endless_sidecar(plan: Path) -> None:
    endless(plan.with_suffix(".json"))


DAMAGED: list[tuple[Callable[[Path], None], str]] = [
    (nested, r"dcgan\.json: damaged .*; build the engine again"),
    (endless, r"dcgan\.plan: larger than the limit of 4,294,967,296 bytes; build the engine again"),
    (endless_sidecar, r"dcgan\.json: larger than the limit of 16,777,216 bytes; build the engine again"),
]


@pytest.mark.parametrize(("spoil", "message"), DAMAGED, ids=lambda value: getattr(value, "__name__", ""))
def test_damaged_engine_fails_in_one_line(bundle: Path, spoil: Callable[[Path], None], message: str) -> None:
    add_engine(bundle, NAME)
    spoil(bundle / "engines" / f"{NAME}.plan")
    refused(bundle, message)


def test_engine_that_cannot_be_read_is_one_line(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_engine(bundle, NAME)
    read = Path.read_bytes

    def forbidden(self: Path) -> bytes:
        if self.suffix == ".plan":
            raise PermissionError(13, "Permission denied")
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    refused(bundle, r"dcgan\.plan: cannot be read \(Permission denied\); check its permissions")


def test_sidecar_of_another_model_is_reported(bundle: Path) -> None:
    add_engine(bundle, NAME, model="wgan")
    refused(bundle, "describes the engine of 'wgan'; build the engine again")


def test_inspect_prints_brackets_as_text(bundle: Path) -> None:
    add_engine(bundle, NAME, gpu="[/a GPU]")
    done = CliRunner().invoke(main, ["inspect", str(bundle)])
    assert done.exit_code == 0, done.output
    assert "[/a GPU]" in done.output
