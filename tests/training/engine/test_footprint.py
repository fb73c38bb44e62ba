"""Memory is estimated before any is taken."""

from pathlib import Path

import pytest
import torch

from pgtrain.data import images
from pgtrain.engine import footprint
from pgtrain.engine.footprint import Call
from pgtrain.errors import MemoryTooSmall
from pgtrain.systems.registry import SYSTEMS
from tests.conftest import Command

HUGE = [
    ("dcgan", "width", ("--width", 65536)),
    ("dcgan", "batch", ("--batch", 65536, "--width", 256, "--size", 256)),
    ("wgan", "latent-dim", ("--latent-dim", 65536, "--width", 256)),
    ("stackgan", "width", ("--width", 65536)),
    ("stats", "critic-width", ("--critic-width", 65536, "--recipe", "original")),
]


@pytest.mark.parametrize(("system", "option", "sizes"), HUGE)
def test_sizes_that_do_not_fit_are_refused_by_name(
    inside: Command, tmp_path: Path, system: str, option: str, sizes: tuple[object, ...]
) -> None:
    # The data do not exist: the estimate comes before anything is read.
    done = inside("pgtrain", system, "--data", tmp_path / "none", "--out", tmp_path / "run", *sizes)
    assert done.returncode == 2
    assert "GB of memory, but only" in done.stderr
    assert f"lower {option}, which is {sizes[1]} (--batch, --width, --size, or --accumulate)" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("system", SYSTEMS)
def test_defaults_fit_into_a_small_machine(system: str) -> None:
    config = SYSTEMS[system].config()
    config.resolve(10)
    assert 1e5 < footprint.estimate(SYSTEMS[system].load("footprint"), config, config.batch) < 4e9


def test_estimate_counts_weights_and_activations() -> None:
    def linear(config: object, examples: int) -> list[Call]:
        return [Call(torch.nn.Linear(10, 5), (torch.empty(examples, 10),))]

    assert footprint.estimate(linear, None, 3) == footprint.WEIGHT * 55 + footprint.ACTIVATION * 15


def test_pictures_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footprint, "available", lambda on_gpu: 1e9)
    with pytest.raises(MemoryTooSmall, match=r"^10,000 pictures of 256 pixels a side take at least 2\.6 GB of memory"):
        images.decode_all([Path("none.png")] * 10_000, 256)
