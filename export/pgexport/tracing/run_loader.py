"""Loads the averaged generator of a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pgtrain.config import from_dict
from pgtrain.engine import checkpoint
from pgtrain.engine.checkpoint import Position
from pgtrain.engine.run import Run
from pgtrain.errors import RunInvalid
from pgtrain.systems.base import Architecture
from pgtrain.systems.registry import SYSTEMS
from pokegan.errors import one_line

AVERAGED = "network.average.module."


@dataclass(frozen=True)
class LoadedRun:
    """A trained generator of `system` in evaluation mode, its configuration, and the description of its run."""

    system: str
    generator: Any
    latent_dim: int
    text_dim: int
    config: Any
    described: dict[str, Any]
    position: dict[str, int]
    metrics: dict[str, Any]
    evaluation: dict[str, Any]

    @property
    def kind(self) -> str:
        """The kind of its model in a bundle."""
        return SYSTEMS[self.system].kind

    @property
    def reads_text(self) -> bool:
        """Whether it needs a text encoder."""
        return SYSTEMS[self.system].reads_text


def load_run(folder: Path) -> LoadedRun:
    """Load the averaged generator of the run in `folder`, without stages that were never trained.

    Raises:
        RunNotFound, RunInvalid: there is no run, it is being trained, its checkpoint is damaged or of another system or
            version, or its weights hold NaN or infinity.
    """
    run = Run(folder)
    described = run.described()
    if run.is_training():
        raise RunInvalid(f"{folder}: is being trained by another process; wait until it is done, or stop it")
    system = described["system"]
    if system not in SYSTEMS:
        raise RunInvalid(f"{folder}: is a run of {system!r}, which this version does not know; pip install -U pokegan")
    config = from_dict(SYSTEMS[system].config, described["config"], str(folder))
    weights, metadata = checkpoint.read(run.checkpoint, AVERAGED)
    _check_finite(run.checkpoint, weights)
    try:
        position = Position(**metadata["position"])
        rebuilt: Architecture = SYSTEMS[system].load("rebuild")(config, weights, position)
        rebuilt.network.load_state_dict({name: weights[name] for name in rebuilt.network.state_dict()})
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise RunInvalid(
            f"{run.checkpoint}: does not fit its config.json ({one_line(error)}); it is of another system or version"
        ) from error
    metrics = run.metrics()
    return LoadedRun(
        system=system,
        generator=rebuilt.network.eval(),
        latent_dim=rebuilt.latent_dim,
        text_dim=rebuilt.text_dim,
        config=config,
        described=described,
        position=vars(position),
        metrics=metrics[-1] if metrics else {},
        evaluation=run.evaluation(),
    )


def _check_finite(path: Path, weights: dict[str, Tensor]) -> None:
    broken = [name for name, value in weights.items() if not torch.isfinite(value).all()]
    if broken:
        raise RunInvalid(
            f"{path}: {len(broken)} of {len(weights)} weights hold NaN or infinity, such as {broken[0]}; "
            "the training diverged: train again"
        )
