"""What a file tells of its making, also when a stranger wrote it."""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import pgen
from pgen.errors import BundleInvalid, PictureInvalid
from pgen.images.encoders import encode
from pgen.images.metadata import Metadata, grid_fields, picture_fields, read_metadata
from pgen.images.postprocess import FORMATS, RESAMPLE, Postprocess
from pgen.images.variations import variation_requests
from pgen.jobs.job import Job
from pgen.jobs.write import write_grid, write_one
from pgen.latents import MAX_SEED
from pgen.prompts import check_prompt
from pgen.request import Request
from tests.conftest import Command

BUNDLE = pgen.open_bundle()
BACKEND = f"CPUExecutionProvider, onnxruntime {onnxruntime.__version__}"
IMAGE = Image.new("RGBA", (2, 2), (200, 40, 40, 255))
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def usable(prompt: str) -> bool:
    try:
        return check_prompt(prompt) == prompt
    except pgen.errors.PromptInvalid:  # type: ignore[attr-defined]
        return False


PROMPTS = st.one_of(st.sampled_from(["Mew", "Flabébé ♀", "ピカチュウ", "a, b"]), st.text(max_size=40).filter(usable))
REQUESTS = st.builds(
    Request,
    prompt=PROMPTS,
    seed=st.integers(0, MAX_SEED),
    model=st.just("stackgan"),
    truncation=st.floats(0, 2),
    stage=st.sampled_from([None, 1, 2]),
    colors=st.one_of(st.just(""), PROMPTS),
)
POSTPROCESSES = st.builds(
    Postprocess,
    size=st.one_of(st.none(), st.integers(8, 4096)),
    resample=st.sampled_from(sorted(RESAMPLE)),
    background=st.sampled_from(["transparent", "white", "#123abc", "#fff"]),
    format=st.sampled_from(FORMATS),
)


@QUICK
@given(REQUESTS, POSTPROCESSES)
def test_metadata_round_trip(tmp_path: Path, request_: Request, postprocess: Postprocess) -> None:
    path = tmp_path / "a"
    path.write_bytes(encode(IMAGE, postprocess.format, picture_fields(request_, BUNDLE, postprocess)))
    metadata = read_metadata(path)
    assert metadata == Metadata((request_,), postprocess, BUNDLE.digest)


@QUICK
@given(st.lists(st.tuples(PROMPTS, st.integers(0, MAX_SEED)), min_size=1, max_size=5), POSTPROCESSES, st.integers(1, 9))
def test_grid_metadata_round_trip(
    tmp_path: Path, pictures: list[tuple[str, int]], postprocess: Postprocess, columns: int
) -> None:
    requests = [Request(*picture, "stackgan", 0.5) for picture in pictures]
    path = tmp_path / "a"
    path.write_bytes(encode(IMAGE, postprocess.format, grid_fields(requests, columns, BUNDLE, postprocess)))
    metadata = read_metadata(path)
    assert metadata == Metadata(tuple(requests), postprocess, BUNDLE.digest, True, columns)


FIELDS = picture_fields(Request("Mew", 3), BUNDLE, Postprocess(size=64))
GRID = grid_fields([Request("Mew", 3)], 2, BUNDLE, Postprocess())
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
WRONG = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["-1", "1e9", "nan", "inf", "9" * 400, "٣", "4097", "3", "[" * 5000, "{}", "null", "f" * 64]),
    JSON.map(json.dumps),
    JSON.map(lambda pictures: json.dumps({"columns": 1, "pictures": pictures})),
)


def read_or_refused(path: Path) -> None:
    try:
        metadata = read_metadata(path)
    except PictureInvalid as error:
        assert error.message.startswith(str(path))  # noqa: PT017
        assert "\n" not in error.message  # noqa: PT017
    else:
        assert all(isinstance(request, Request) for request in metadata.requests)


@settings(QUICK, max_examples=300)
@given(
    base=st.sampled_from([FIELDS, GRID]),
    key=st.sampled_from(sorted({*FIELDS, *GRID})),
    value=WRONG,
    format=st.sampled_from(FORMATS),
)
def test_invalid_field_is_read_or_rejected(
    tmp_path: Path, base: dict[str, str], key: str, value: str, format: str
) -> None:
    (tmp_path / "a").write_bytes(encode(IMAGE, format, base | {key: value.encode("utf-8", "replace").decode()}))
    read_or_refused(tmp_path / "a")


@settings(QUICK, max_examples=200)
@given(format=st.sampled_from(FORMATS), data=st.data())
def test_damaged_file_is_read_or_rejected(tmp_path: Path, format: str, data: st.DataObject) -> None:
    content = bytearray(encode(IMAGE, format, FIELDS))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "a").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    read_or_refused(tmp_path / "a")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; use an undamaged copy, or generate it anew"),
        (b"no picture", "is neither PNG, WebP, GIF nor JPEG; use a picture that pgen wrote"),
        (encode(IMAGE, "png", FIELDS)[:100], "is damaged or cut off; use an undamaged copy, or generate it anew"),
        (encode(IMAGE, "png", FIELDS).replace(b"Mew", b"Mow"), "is damaged or cut off"),  # a wrong check sum
        (encode(IMAGE, "webp", FIELDS)[:25], "is damaged or cut off"),
        (encode(IMAGE, "gif", FIELDS)[:8], "is damaged or cut off"),
        (encode(IMAGE, "jpeg", FIELDS)[:25], "is damaged or cut off"),
        (encode(IMAGE, "png", {}), "has no metadata of pgen; only unedited pictures, grids, cards, sheets and sprites"),
        (encode(IMAGE, "gif", {"prompt": "Mew"}), "has no metadata"),
        (encode(IMAGE, "png", FIELDS | {"seed": "-1"}), "is not an integer"),
        (encode(IMAGE, "png", FIELDS | {"bundle": "x"}), "digest"),
        (encode(IMAGE, "png", {"seed": "1", "bundle": "0" * 64}), "neither prompt nor model"),
        (encode(IMAGE, "webp", FIELDS | {"size": "9999"}), "size 9999"),
        (encode(IMAGE, "png", FIELDS | {"prompt": "a\x07"}), "control character"),
    ],
)
def test_files_without_metadata_are_rejected(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(PictureInvalid, match=message):
        read_metadata(tmp_path / "a")


def test_missing_and_too_large_files_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PictureInvalid, match="is a folder; name a picture in it"):
        read_metadata(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such file; name a picture that pgen wrote") as missing:
        read_metadata(tmp_path / "none")
    assert isinstance(missing.value, PictureInvalid)
    (tmp_path / "a").write_bytes(encode(IMAGE, "png", FIELDS))
    monkeypatch.setattr("pgen.images.metadata.MAX_FILE", 10)
    with pytest.raises(PictureInvalid, match="larger than 10 bytes"):
        read_metadata(tmp_path / "a")


@pytest.mark.parametrize("name", ["one.png", "one.webp", "one.gif", "one.jpeg", "grid.png"])
def test_backend_and_its_version_are_recorded(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    job = Job([Request("Mew", seed) for seed in range(2 if name == "grid.png" else 1)], device="cpu")
    (write_grid if name == "grid.png" else write_one)(job, path)
    assert read_metadata(path).backend == BACKEND
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pgen.reproduce(path, device="cpu")


def test_reproduce_says_that_another_backend_drew_a_file(
    tmp_path: Path, inside: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fields = picture_fields(Request("Mew", 0), BUNDLE, Postprocess(), "OpenVINO bf16, openvino 1.0")
    Path("a.png").write_bytes(encode(IMAGE, "png", fields))
    line = f"a.png: was drawn by OpenVINO bf16, openvino 1.0, and now by {BACKEND}; a few pixels may differ"
    with pytest.warns(UserWarning, match=re.escape(line)):
        pgen.reproduce("a.png", device="cpu")
    call = ("pgen", "reproduce", "a.png", "--device", "cpu")
    assert inside(*call).stderr.splitlines() == [line]
    assert inside(*call, "--quiet").stderr == ""
    assert inside("pgen", "reproduce", "a.again.png", "--device", "cpu").stderr == ""


def test_other_bundle_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(encode(IMAGE, "png", FIELDS | {"bundle": "0" * 64}))
    with pytest.raises(BundleInvalid, match="open the bundle that generated it"):
        read_metadata(tmp_path / "a", BUNDLE)


def test_variations_use_the_following_seeds(tmp_path: Path) -> None:
    def seeds(seed: int, **settings: Any) -> list[int]:
        message = picture_fields(Request("Mew", seed, truncation=0.5), BUNDLE, Postprocess())
        (tmp_path / "a").write_bytes(encode(IMAGE, "png", message))
        requests = variation_requests(tmp_path / "a", BUNDLE, **settings)
        assert all((request.prompt, request.truncation) == ("Mew", 0.5) for request in requests)
        return [request.seed for request in requests]

    assert seeds(3) == list(range(4, 12))
    assert seeds(3, n=2) == [4, 5]
    assert seeds(3, seeds="7,3") == [7, 3]
    assert seeds(MAX_SEED, n=2) == [0, 1]
    (tmp_path / "grid").write_bytes(encode(IMAGE, "png", GRID))
    with pytest.raises(PictureInvalid, match="is a grid"):
        variation_requests(tmp_path / "grid", BUNDLE)
