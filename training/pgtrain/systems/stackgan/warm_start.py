"""A run that starts from another run's stage I, to go on with it or to refine it: what it takes over, and refuses."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import Tensor

from pgtrain.config import from_dict
from pgtrain.engine import checkpoint
from pgtrain.engine.run import Run
from pgtrain.errors import ConfigInvalid, RunInvalid
from pgtrain.models.text_encoder import DEFAULT_ENCODER
from pgtrain.systems.stackgan.config import StackGANConfig
from pgtrain.systems.stackgan.networks import Generator

SHAPES = ("channels", "stage1", "whitened_dim", "condition_dim", "noise_dim", "width")
"""The options that shape stage I."""


def prepare(config: StackGANConfig, encoder: str) -> str:
    """Check which stages a new run trains; take what shapes stage I, and the encoder, over from ``config.start``.

    Changes `config` and returns the encoder.

    Raises:
        ConfigInvalid: ``--stage 2`` lacks ``--start``, or ``--start`` a single stage.
        RunNotFound, RunInvalid: there is no stage I, or an option that is not left at its default disagrees with it.
    """
    if config.start and config.stage == "both":
        raise ConfigInvalid(
            f"--start {config.start}: one stage starts from a run; add --stage 1 to go on, or --stage 2"
        )
    if not config.start:
        if config.stage != "2":
            return encoder
        raise ConfigInvalid("--stage 2 refines the stage I of another run; name it with --start RUN")
    run = Run(Path(config.start))
    described = run.described()
    if described["system"] != "stackgan":
        raise RunInvalid(f"{run.folder}: is a run of {described['system']}; --start needs one of pgtrain stackgan")
    theirs = from_dict(StackGANConfig, described["config"], str(run.folder))
    for field in fields(config):
        if field.name in SHAPES:
            ours = getattr(config, field.name)
            setattr(config, field.name, _agreed(run, field.name, ours, getattr(theirs, field.name), field.default))
    agreed: str = _agreed(run, "encoder", encoder, described["encoder"], DEFAULT_ENCODER)
    # As many numbers as its texts had directions, which may be fewer than it was asked for.
    config.whitened_dim = len(_averaged(run, "whitening.")["linear.weight"])
    return agreed


def take_over(start: str, *generators: Generator) -> None:
    """Load the averaged stage I of the run in `start`, and its whitening, into `generators`.

    Raises:
        RunNotFound, RunInvalid: it has gone, or is another than :func:`prepare` saw.
    """
    run = Run(Path(start))
    try:
        for part in ("whitening", "stage1"):
            weights = _averaged(run, f"{part}.")
            for generator in generators:
                getattr(generator, part).load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise RunInvalid(f"{run.checkpoint}: its stage I does not fit ({reason}); give another --start") from error


def _averaged(run: Run, prefix: str) -> dict[str, Tensor]:
    return checkpoint.read(run.checkpoint, f"network.average.module.{prefix}")[0]


def _agreed(run: Run, name: str, ours: Any, theirs: Any, default: Any) -> Any:
    if ours not in (theirs, default):
        option = name.replace("_", "-")
        raise RunInvalid(f"{run.folder}: its stage I has --{option} {theirs}, not {ours}; leave --{option} out")
    return theirs
