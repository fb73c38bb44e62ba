import pickle
from pathlib import Path

import pytest

from pgen.bundle.reader import open_bundle
from pgen.errors import JobFailed, OutputInvalid
from pgen.images.postprocess import Postprocess
from pgen.jobs.folder import job_marker, start_time
from pgen.jobs.job import Job
from pgen.jobs.ray import CORES, SHARES, UNIT, Actors, _units, _Worker, share_out
from pgen.jobs.write import write_pictures
from pgen.request import requests
from tests.conftest import contents

PROMPTS = ["redball", "a green egg", "bluewings", "a very red egg"]


def job(bundle: Path, **settings: object) -> Job:
    return Job(requests(PROMPTS, range(3)), bundle=bundle, device="cpu", batch=2, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("device", "threads", "resources", "expected"),
    [
        ("auto", 0, {"CPU": 16.0}, Actors(4, CORES, 0)),
        ("cpu", 1, {"CPU": 2.0}, Actors(2, 1, 0)),
        ("cpu", 0, {"CPU": 2.0}, Actors(1, 2, 0)),
        ("cpu", 0, {"CPU": 8.0, "GPU": 2.0}, Actors(2, 4, 0)),
        ("openvino", 0, {"CPU": 8.0, "GPU": 2.0}, Actors(2, 4, 0)),
        ("auto", 0, {"CPU": 8.0, "GPU": 8.0}, Actors(8, 1, 1)),
        ("cuda", 2, {"CPU": 16.0, "GPU": 2.0}, Actors(2, 2, 1)),
    ],
)
def test_actors_get_a_gpu_or_a_group_of_cores(
    device: str, threads: int, resources: dict[str, float], expected: Actors
) -> None:
    assert share_out(device, threads, resources) == expected


def test_cluster_without_gpus_is_rejected() -> None:
    with pytest.raises(JobFailed, match="device cuda: the Ray cluster has no GPU"):
        share_out("cuda", 0, {"CPU": 4.0})


@pytest.mark.parametrize(
    ("count", "actors", "shards", "batch", "size"),
    [(12, 1, 5, 2, 5), (100, 2, None, 2, 13), (100, 2, None, 64, 64), (10**5, 2, None, 16, UNIT), (3, 9, None, 1, 1)],
)
def test_units_are_shards_or_fair_shares(count: int, actors: int, shards: int | None, batch: int, size: int) -> None:
    made = Job(requests(["a"], range(count)), shards=shards, batch=batch)
    units = [pickle.loads(unit) for unit in _units(list(made.tasks()), made, actors)]
    assert {len(unit) for unit in units[:-1]} <= {size}
    assert [task.index for unit in units for task in unit] == list(range(count))
    assert shards or batch > 2 or len(units) >= min(count, SHARES * actors) or size == UNIT


def test_folder_that_an_actor_does_not_see_is_rejected(tmp_path: Path) -> None:
    with job_marker(tmp_path) as marker:
        assert start_time(marker) == marker.stat().st_mtime
    with pytest.raises(OutputInvalid, match=r"does not see the folder .* use shared storage"):
        start_time(marker)


def test_worker_returns_its_errors(tiny_bundle: Path, tmp_path: Path) -> None:
    marker, digest = tmp_path, open_bundle(tiny_bundle).digest
    (unit,) = _units(list(job(tiny_bundle, shards=50).tasks()), job(tiny_bundle, shards=50), 1)
    for worker, expected in (
        (_Worker(job(tiny_bundle), "0" * 64, marker), "is another bundle on this machine"),
        (_Worker(job(tmp_path / "none"), digest, marker), "not found"),
        (_Worker(job(tiny_bundle), digest, tmp_path / "elsewhere" / "marker"), "use shared storage"),
    ):
        message, written = pickle.loads(worker({"tasks": [unit]})["result"][0])
        assert expected in message
        assert written == []


@pytest.mark.slow
def test_two_workers_write_the_files_of_one_process(tiny_bundle: Path, tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, logging_level="error", log_to_driver=False, include_dashboard=False)
    try:
        for shards in (None, 5):
            one, two = tmp_path / f"one-{shards}", tmp_path / f"two-{shards}"
            alone = list(write_pictures(job(tiny_bundle, shards=shards), one))
            shared = list(write_pictures(job(tiny_bundle, shards=shards, executor="ray", threads=1), two))
            assert {made.request for made in shared} == {made.request for made in alone}
            assert contents(two) == contents(one)
            again = job(tiny_bundle, shards=shards, executor="ray", threads=1, resume=True)
            assert list(write_pictures(again, two)) == []
            other = job(
                tiny_bundle, shards=shards, executor="ray", threads=1, resume=True, postprocess=Postprocess(size=32)
            )
            with pytest.raises(JobFailed, match="was made with size left out, not 32"):
                list(write_pictures(other, two))
            assert contents(two) == contents(one)
    finally:
        ray.shutdown()
