import json
import shutil
import tarfile
import time
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pgen
from pgen.errors import OutputInvalid, RequestInvalid
from pgen.images.postprocess import FORMATS, Postprocess
from pgen.jobs.autobatch import FEW, MOST, SECONDS, WORTH, fastest
from pgen.jobs.job import Interrupted, Job, Written
from pgen.jobs.write import write_pictures
from pgen.request import Request, requests
from tests.conftest import contents, pixels

PROMPTS = ["redball", "a green egg", "Bluewings", "something with many more words in it, and a comma"]


def job(bundle: Path, prompts: list[str] = PROMPTS, seeds: int = 3, **settings: object) -> Job:
    return Job(requests(prompts, range(seeds)), bundle=bundle, device="cpu", **settings)  # type: ignore[arg-type]


def written(made: Job, folder: Path) -> list[Written]:
    return list(write_pictures(made, folder))


@pytest.fixture(scope="module")
def finished(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all pictures of the usual job."""
    folder = tmp_path_factory.mktemp("finished")
    written(job(tiny_bundle), folder)
    return folder


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "copied")


def test_files_equal_the_pictures_of_the_generator(tiny_bundle: Path, tmp_path: Path) -> None:
    expected = pgen.load(tiny_bundle, "cpu").images(PROMPTS, n=3)
    made = written(job(tiny_bundle, batch=5), tmp_path)
    assert [(one.request.prompt, one.request.seed) for one in made] == [(p, s) for p in PROMPTS for s in range(3)]
    assert all(np.array_equal(pixels(one.file), picture) for one, picture in zip(made, expected, strict=True))
    assert len(contents(tmp_path)) == len(made)  # and nothing else is left there


@pytest.mark.parametrize("batch", [1, 7, 64, "auto"])
def test_batch_does_not_change_files(tiny_bundle: Path, finished: Path, tmp_path: Path, batch: int | str) -> None:
    written(job(tiny_bundle, batch=batch), tmp_path)
    assert contents(tmp_path) == contents(finished)


def test_measured_batch_does_not_change_files(tiny_bundle: Path, tmp_path: Path) -> None:
    for batch in (16, "auto"):
        written(job(tiny_bundle, ["redball"], FEW + 2, batch=batch), tmp_path / str(batch))
    assert contents(tmp_path / "16") == contents(tmp_path / "auto")


def test_models_and_stages_may_alternate(full_bundle: Path, tmp_path: Path) -> None:
    requests = [Request("redball", 1), Request("", 1, "dcgan"), Request("redball", 1, stage=1), Request("a b", 2)]
    made = written(Job(requests, bundle=full_bundle, device="cpu"), tmp_path)
    assert [one.request for one in made] == requests
    assert [pixels(one.file).shape[0] for one in made] == [128, 32, 64, 128]


def test_requests_are_consumed_lazily(tiny_bundle: Path, tmp_path: Path) -> None:
    numbers = count()
    endless = (Request("redball", next(numbers)) for _ in count())
    made = write_pictures(Job(endless, batch=2, bundle=tiny_bundle, device="cpu"), tmp_path)
    assert [one.request.seed for one in islice(made, 3)] == [0, 1, 2]
    made.close()
    assert next(numbers) < 1000


def test_resume_writes_only_missing_files(tiny_bundle: Path, finished: Path, tmp_path: Path) -> None:
    begun = write_pictures(job(tiny_bundle, batch=2), tmp_path)
    list(islice(begun, 5))
    begun.close()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert 5 <= len(kept) < 12
    assert len(written(job(tiny_bundle, resume=True), tmp_path)) == 12 - len(kept)
    assert contents(tmp_path) == contents(finished)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert written(job(tiny_bundle, resume=True), tmp_path) == []


def test_ctrl_c_tells_of_files_that_were_not_yielded(tmp_path: Path) -> None:
    made = write_pictures(Job(requests(PROMPTS, range(100)), batch=2, device="cpu"), tmp_path)
    first = next(made)
    while len(list(tmp_path.glob("*.png"))) < 4:
        time.sleep(0.01)
    with pytest.raises(Interrupted) as interrupted:
        made.throw(KeyboardInterrupt())
    finished = interrupted.value.finished
    assert finished[0].file == first.file
    assert {one.file for one in finished} == set(tmp_path.iterdir())
    assert [one.request.seed for one in finished] == [*range(len(finished))]


@pytest.mark.parametrize("format", FORMATS)
def test_resume_rewrites_incomplete_files(tiny_bundle: Path, tmp_path: Path, format: str) -> None:
    postprocess = Postprocess(format=format)
    first, second = written(job(tiny_bundle, ["redball"], 2, postprocess=postprocess), tmp_path)
    whole = contents(tmp_path)
    first.file.write_bytes(first.file.read_bytes()[:-4])
    second.file.write_bytes(b"")
    assert len(written(job(tiny_bundle, ["redball"], 2, postprocess=postprocess, resume=True), tmp_path)) == 2
    assert contents(tmp_path) == whole


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"postprocess": Postprocess(background="white")}, "background transparent, not white"),
        ({"postprocess": Postprocess(size=32)}, "size left out, not 32"),
    ],
)
def test_resume_rejects_changed_settings(
    tiny_bundle: Path, copied: Path, changed: dict[str, object], message: str
) -> None:
    before = contents(copied)
    with pytest.raises(OutputInvalid, match=f"redball_0.png: was made with {message}; choose another folder"):
        written(job(tiny_bundle, resume=True, **changed), copied)
    assert contents(copied) == before


def test_resume_rejects_changed_bundle(full_bundle: Path, copied: Path) -> None:
    with pytest.raises(OutputInvalid, match="was made with bundle "):
        written(job(full_bundle, resume=True), copied)


def test_resume_rewrites_files_without_metadata(tiny_bundle: Path, tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8)).save(tmp_path / "redball_0.png")
    with pytest.raises(OutputInvalid, match="was made with prompt left out, not redball"):
        written(job(tiny_bundle, resume=True), tmp_path)


def test_two_jobs_share_a_folder(tiny_bundle: Path, finished: Path, tmp_path: Path) -> None:
    first, second = (write_pictures(job(tiny_bundle, batch=1), tmp_path) for _ in range(2))
    next(first), next(second)
    assert len(list(first)) == len(list(second)) == 11
    assert contents(tmp_path) == contents(finished)


def test_conflicting_jobs_in_one_folder_are_rejected(tiny_bundle: Path, tmp_path: Path) -> None:
    mine = write_pictures(job(tiny_bundle, ["redball"], 200, batch=1), tmp_path)
    next(mine)
    theirs = {one.file: one.file.read_bytes() for one in written(_white(tiny_bundle, [198, 199]), tmp_path)}
    with pytest.raises(OutputInvalid, match=r"redball_198.png: .*another process writes into this folder"):
        list(mine)
    assert all(path.read_bytes() == content for path, content in theirs.items())


def _white(bundle: Path, seeds: list[int]) -> Job:
    return Job(requests(["redball"], seeds), Postprocess(background="white"), bundle=bundle, device="cpu")


@pytest.mark.parametrize("shards", [None, 4])
def test_removed_folder_is_reported(tiny_bundle: Path, tmp_path: Path, shards: int | None) -> None:
    folder = tmp_path / "folder"
    made = write_pictures(job(tiny_bundle, ["redball"], 200, batch=1, shards=shards), folder)
    next(made)
    folder.rename(tmp_path / "elsewhere")  # at once, where threads would write into it while it is emptied
    with pytest.raises(OutputInvalid, match=r"cannot be written .No such file or directory"):
        list(made)
    assert not folder.exists()


@pytest.mark.parametrize(("wrong"), [{"batch": 0}, {"batch": "fast"}, {"shards": 0}, {"executor": "spark"}])
def test_invalid_jobs_are_rejected(tiny_bundle: Path, tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(RequestInvalid):
        written(job(tiny_bundle, **wrong), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_shards_are_read_by_webdataset(tiny_bundle: Path, finished: Path, tmp_path: Path) -> None:
    import webdataset

    made = written(job(tiny_bundle, shards=5), tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["shard-000000.tar", "shard-000001.tar", "shard-000002.tar"]
    assert made[5].file == tmp_path / "shard-000001.tar" / "000000005.png"
    read = webdataset.WebDataset([str(tmp_path / name) for name in names], shardshuffle=False).decode("pilrgba")
    samples = list(read.to_tuple("__key__", "png", "json"))
    assert [key for key, _, _ in samples] == [f"{index:09d}" for index in range(12)]
    assert [(fields["prompt"], fields["seed"]) for _, _, fields in samples] == [
        (p, str(s)) for p in PROMPTS for s in range(3)
    ]
    assert np.array_equal(np.array(samples[0][1]), pixels(finished / "redball_0.png"))


def test_equal_jobs_write_equal_shards(tiny_bundle: Path, tmp_path: Path) -> None:
    for batch in (1, 16):
        written(job(tiny_bundle, shards=5, batch=batch), tmp_path / str(batch))
    assert contents(tmp_path / "1") == contents(tmp_path / "16")


def test_resume_writes_only_missing_shards(tiny_bundle: Path, tmp_path: Path) -> None:
    written(job(tiny_bundle, shards=3), tmp_path)
    whole = contents(tmp_path)
    (tmp_path / "shard-000001.tar").unlink()
    half = tmp_path / "shard-000003.tar"
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    kept = (tmp_path / "shard-000000.tar").stat().st_mtime_ns
    made = written(job(tiny_bundle, shards=3, resume=True), tmp_path)
    assert [one.file.name for one in made] == [f"{index:09d}.png" for index in (3, 4, 5, 9, 10, 11)]
    assert contents(tmp_path) == whole
    assert (tmp_path / "shard-000000.tar").stat().st_mtime_ns == kept


def test_resume_completes_the_last_shard(tiny_bundle: Path, tmp_path: Path) -> None:
    written(job(tiny_bundle, PROMPTS[:1], shards=5), tmp_path)
    assert len(written(job(tiny_bundle, shards=5, resume=True), tmp_path)) == 12
    with tarfile.open(tmp_path / "shard-000000.tar") as tar:
        assert len(tar.getnames()) == 10


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, "shard-000000.tar: exists; choose another folder"),
        ({"resume": True, "postprocess": Postprocess(size=32)}, "000000000.json: was made with size left out, not 32"),
        ({"resume": True, "prompts": ["Redball"]}, "has 5 samples, not 3"),
    ],
)
def test_existing_shards_are_not_overwritten(
    tiny_bundle: Path, tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    written(job(tiny_bundle, shards=5), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(OutputInvalid, match=message):
        written(job(tiny_bundle, shards=5, **changed), tmp_path)  # type: ignore[arg-type]
    assert contents(tmp_path) == before


def test_shard_of_a_concurrent_job_is_kept(tiny_bundle: Path, tmp_path: Path) -> None:
    mine = write_pictures(job(tiny_bundle, ["redball"], 200, batch=1, shards=2), tmp_path)
    next(mine)
    written(job(tiny_bundle, ["bluewings"], 2, shards=2), tmp_path / "other")
    theirs = (tmp_path / "other" / "shard-000000.tar").rename(tmp_path / "shard-000099.tar")
    before = theirs.read_bytes()
    with pytest.raises(OutputInvalid, match="another process writes into this folder"):
        list(mine)
    assert theirs.read_bytes() == before
    assert not list(tmp_path.glob(".pgen-*"))


@given(st.dictionaries(st.sampled_from([2**power for power in range(9)]), st.floats(1e-4, 1e-1), min_size=9))
def test_measured_batch_is_among_the_fastest(each: dict[int, float]) -> None:
    now, runs = [0.0], []

    def run(size: int) -> None:
        runs.append(size)
        now[0] += size * each[size]

    chosen = fastest(run, clock=lambda: now[0])
    measured = {size: 1 / each[size] for size in runs}
    assert measured[chosen] >= WORTH * max(measured.values()) * 0.999
    assert now[0] <= 2 * SECONDS + 2 * MOST * 0.1


def test_measuring_stops_in_time() -> None:
    now = [0.0]

    def slow(size: int) -> None:
        now[0] += 0.1 * size

    assert fastest(slow, clock=lambda: now[0]) == 1
    assert now[0] <= 2 * SECONDS


def test_shards_contain_the_metadata_of_pictures(tiny_bundle: Path, tmp_path: Path) -> None:
    written(job(tiny_bundle, shards=50), tmp_path)
    with tarfile.open(tmp_path / "shard-000000.tar") as tar:
        fields = json.load(tar.extractfile("000000004.json"))  # type: ignore[arg-type]
        with Image.open(tar.extractfile("000000004.png")) as image:
            assert fields.items() <= image.info.items()
