"""The recorded length of a run, its damaged files, and its lock."""

import json
from pathlib import Path

import pytest

from pgtrain.errors import RunInvalid
from pgtrain.systems.stats.config import StatsConfig
from pgtrain.train import Request, train

SMALL = {"width": 16, "critic_width": 16, "batch": 16, "noise_dim": 8, "passes": 1}


def request(table: Path, out: Path, epochs: int, resume: bool = False) -> Request:
    return Request("stats", table, out, epochs, None, 0, "fp32", 60, resume)


def test_run_records_its_total_epochs(stats_table: Path, tmp_path: Path) -> None:
    run = train(request(stats_table, tmp_path / "run", 1), StatsConfig(**SMALL))  # type: ignore[arg-type]
    assert run.described()["epochs"] == 1
    train(request(stats_table, run.folder, 2, resume=True), StatsConfig())
    assert run.described()["epochs"] == 2


@pytest.mark.parametrize("change", [{"data": {}}, {"data": []}, {"examples": "many"}, {"names": None}, {"digest": 7}])
def test_config_that_lacks_a_field_is_damaged(stats_table: Path, tmp_path: Path, change: dict[str, object]) -> None:
    run = train(request(stats_table, tmp_path / "run", 1), StatsConfig(**SMALL))  # type: ignore[arg-type]
    described = run.described()
    described = described | change if "data" in change else described | {"data": described["data"] | change}
    run.write("config.json", json.dumps(described))
    with pytest.raises(RunInvalid, match=r"config.json: damaged"):
        run.described()


def test_one_process_trains_a_run_at_a_time(stats_table: Path, tmp_path: Path) -> None:
    run = train(request(stats_table, tmp_path / "run", 1), StatsConfig(**SMALL))  # type: ignore[arg-type]
    assert not run.is_training()
    before = (run.folder / "config.json").read_bytes()
    with run.training():
        assert run.is_training()
        with pytest.raises(RunInvalid, match="is being trained by another process"):
            train(request(stats_table, run.folder, 9, resume=True), StatsConfig())
    assert (run.folder / "config.json").read_bytes() == before
    assert not run.is_training()
