"""Start or resume the training of a system: the Python side of the commands of pgtrain."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pgtrain import checkpoint
from pgtrain.checkpoint import Position
from pgtrain.config import from_dict
from pgtrain.engine import Engine, Precision
from pgtrain.errors import RunInvalid
from pgtrain.loop import Loop
from pgtrain.rgba import Background
from pgtrain.run import Run
from pgtrain.sources import default
from pgtrain.system import Data
from pgtrain.systems import SYSTEMS


@dataclass(frozen=True)
class Request:
    """What every training takes, whatever the system.

    `data` is read by :func:`pgtrain.sources.read`, or is None for the default data set; `encoder` is None for
    systems that read no text.
    """

    system: str
    data: str | Path | None
    out: Path | None
    epochs: int
    encoder: str | None
    seed: int
    precision: Precision
    minutes: float
    resume: bool
    background: Background = "keep"


def train(request: Request, config: Any) -> Run:
    """Train ``request.system`` up to ``request.epochs`` in all and return its run.

    With ``request.resume`` configuration, encoder and seed come from the run in ``request.out``.

    Raises:
        PokeganError: the data, the encoder or the run folder cannot be used, or training diverged.
        Interrupted: a signal came; the run can be resumed.
    """
    run = Run(request.out) if request.out else Run.dated(request.system)
    entry, encoder, seed = SYSTEMS[request.system], request.encoder, request.seed
    if request.resume:
        described = run.described()
        if described["system"] != request.system:
            raise RunInvalid(
                f"{run.folder}: is a run of {described['system']}; go on with pgtrain {described['system']}"
            )
        encoder, seed = described["encoder"], described["seed"]
        config = from_dict(entry.config, described["config"], str(run.folder))
    else:
        encoder = entry.prepare(config, encoder)
    config.resolve(request.epochs)
    place = default.fetch() if request.data is None else request.data
    data: Data = entry.load_reader()(place, config, encoder, request.background)
    if request.resume:
        _same_data(run, described["data"], data, place)
    torch.manual_seed(seed)
    engine = Engine(request.precision)
    system = entry.load()(config, engine, data.to(engine.device))
    if request.resume:
        # A run that was killed before its first checkpoint begins again.
        position = checkpoint.restore(run.checkpoint, system) if run.checkpoint.is_file() else Position()
        run.rewind(position.epoch)
    else:
        run.create(request.system, encoder, seed, config, data)
        data.preview().save(run.folder / "real.png")
        position = Position()
    loop = Loop(system, data, run, seed=seed, batch=config.batch, minutes=request.minutes, position=position)
    loop.train(request.epochs)
    return run


def _same_data(run: Run, trained: dict[str, Any], data: Data, place: str | Path) -> None:
    for name, value in data.identity.items():
        found = trained.get(name, "keep")  # runs of older versions say nothing of a background: they kept it
        if name == "digest" and found != value:
            raise RunInvalid(f"{run.folder}: was trained on other data than {place}; give the same --data")
        if found != value:
            raise RunInvalid(f"{run.folder}: was trained with --{name} {found}; give the same")
