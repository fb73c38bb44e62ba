import json
import shutil
from pathlib import Path

import pytest

from pgbench.environment import environment
from pgbench.measure import ROUNDS, WARM_UP, measure, summarise, timed
from pgbench.suite import texts
from tests.conftest import Command


def test_percentiles_and_rate() -> None:
    timing = summarise([0.1, 0.2, 0.3, 0.4, 0.5], 8)
    assert timing.p50_ms == 300
    assert timing.p90_ms == pytest.approx(460)
    assert timing.per_second == pytest.approx(8 / 0.3, abs=0.01)


def test_targets_take_turns_and_warm_up_is_not_counted() -> None:
    order: list[str] = []

    def target(name: str) -> float:
        order.append(name)
        return 0.01

    found = measure({name: lambda name=name: target(name) for name in "ab"}, 1, 0)  # type: ignore[misc]
    assert order == ["a", "b"] * (WARM_UP + ROUNDS)
    assert found["a"].rounds == ROUNDS


def test_timed_measures_the_work() -> None:
    assert timed(lambda: sum(range(1000)))() > 0


def test_texts_differ() -> None:
    assert len(set(texts(200))) == 200


def test_the_environment_names_no_machine() -> None:
    import socket

    told = json.dumps(environment())
    assert socket.gethostname() not in told
    assert str(Path.home()) not in told


def test_json_with_pytorch_beside_it(command: Command, tiny_bundle: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    # The bundle tells only the last part of the encoder's folder, which is looked for where the command runs.
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    told = (bundle / "manifest.json").read_text()
    assert str(tiny_encoder) not in told
    (bundle / "manifest.json").write_text(told.replace(f'"{tiny_encoder.name}"', f'"{tiny_encoder}"'))
    done = command("pgbench", "--batch", 2, "--seconds", 0, "--bundle", bundle, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["without_pytorch_because"] is None
    assert set(result["speed_over_pytorch_eager"]) == {"encoder", "generator", "end to end"}
    assert all(timing["rounds"] >= ROUNDS for timing in result["timings"].values())


def test_the_table(command: Command, tiny_bundle: Path) -> None:
    done = command("pgbench", "--batch", 2, "--seconds", 0, "--bundle", tiny_bundle, "--no-torch")
    assert done.returncode == 0, done.stderr
    for told in ("p50", "p99", "encoder", "generator", "end to end", "switched off", "CPUExecutionProvider"):
        assert told in done.stdout
