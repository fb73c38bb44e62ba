"""Warm start from the generator of another run or of a bundle: loading the weights and checking that they fit."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import isqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor, nn

from pgtrain.config import from_dict
from pgtrain.engine import checkpoint
from pgtrain.engine.run import Run
from pgtrain.errors import ConfigInvalid, RunInvalid
from pgtrain.models.text_encoder import DEFAULT_ENCODER
from pgtrain.systems.stackgan.config import StackGANConfig
from pokegan.errors import last_line, one_line

STAGE2 = "decoder.stage2."
"""Prefix of the weights of stage II in a generator with a memory."""

PARTNER = "memory.partner"
"""Depends on the labels of the data alone; runs and bundles of earlier versions lack it."""


def prepare(config: StackGANConfig, encoder: str) -> str:
    """Take the generator's sizes over from ``config.start`` into `config`, and return its encoder.

    Without a start, `config` and `encoder` stay as they are.

    Raises:
        ConfigInvalid: the original generator is to start from another run, or stage II alone from none.
        RunNotFound, RunInvalid: there is no generator with a memory, or an option that is not left at its default
            disagrees with it.
    """
    if not config.start:
        if config.stage == "2":
            raise ConfigInvalid("stage 2 refines the stage I of another run; name that run, or a bundle, as its start")
        return encoder
    if config.generator != "memory":
        raise ConfigInvalid(f"{config.start}: the recipe original cannot start from another run; train it from scratch")
    with started(config.start) as run:
        described = run.described()
        if described["system"] != "stackgan" or described["config"].get("generator") != "memory":
            raise RunInvalid(f"{config.start}: has no generator with a memory; start from a run or bundle that has one")
        theirs = from_dict(StackGANConfig, described["config"], config.start)
        config.width = _agreed(run, "width", config.width, theirs.width, StackGANConfig.width)
        agreed: str = _agreed(run, "encoder", encoder, described["encoder"], DEFAULT_ENCODER)
        # The rank of its texts, which may be less than its option whitened_dim.
        config.whitened_dim = len(_averaged(run, "memory.whitening.")["linear.weight"])
    return agreed


@contextmanager
def started(start: str) -> Iterator[Run]:
    """Open the run in `start`; a bundle is unpacked by pgexport into a temporary run.

    Raises:
        RunInvalid: the bundle cannot be unpacked; the message ends with that of pgexport.
    """
    if not (Path(start) / "manifest.json").is_file():
        yield Run(Path(start))
        return
    with TemporaryDirectory() as place:
        folder = Path(place) / "run"
        command = [sys.executable, "-m", "pgexport.cli", "unpack", start, "--out", str(folder)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        if done.returncode:
            raise RunInvalid(f"{start}: cannot be unpacked ({last_line(done.stderr)})")
        yield Run(folder)


def take_over_memory(start: str, *generators: nn.Module) -> None:
    """Load the averaged generator of the run or bundle in `start` into `generators`.

    A stage II that only the start has is not loaded, and one that only `generators` have is left as it is. Where theirs
    draws more pixels, each of these starts as the pixel of the start that it lies in.

    Raises:
        RunNotFound, RunInvalid: the run was removed, or its memory holds other pictures.
    """
    with started(start) as run:
        weights = _averaged(run, "")
        try:
            for generator in generators:
                ours = generator.state_dict()
                stage2 = {name: value for name, value in ours.items() if name.startswith(STAGE2)}
                theirs = {name: value for name, value in weights.items() if name in ours or not name.startswith(STAGE2)}
                generator.load_state_dict(stage2 | theirs | _enlarged(weights, ours) | {PARTNER: ours[PARTNER]})
        except RuntimeError as error:
            raise RunInvalid(
                f"{start}: its generator does not fit ({one_line(error)}); give the same data, in the same order"
            ) from error


def _enlarged(weights: dict[str, Tensor], ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """Repeat the weights of stage II's last convolution for each of the smaller pixels that `ours` draws."""
    last: dict[str, Tensor] = {}
    for name in ("decoder.stage2.to_rgba.weight", "decoder.stage2.to_rgba.bias"):
        if name in ours and name in weights and len(ours[name]) > len(weights[name]):
            channels, rest = len(ours[name]), weights[name].shape[1:]
            theirs = isqrt(len(weights[name]) // 4)
            times = isqrt(channels // 4) // theirs
            pixels = weights[name].view(-1, theirs, theirs, *rest)
            last[name] = pixels.repeat_interleave(times, 1).repeat_interleave(times, 2).reshape(channels, *rest)
    return last


def _averaged(run: Run, prefix: str) -> dict[str, Tensor]:
    return checkpoint.read(run.checkpoint, f"network.average.module.{prefix}")[0]


def _agreed(run: Run, name: str, ours: Any, theirs: Any, default: Any) -> Any:
    if ours not in (theirs, default):
        raise RunInvalid(f"{run.folder}: its generator has the {name} {theirs}, not {ours}; leave the {name} out")
    return theirs
