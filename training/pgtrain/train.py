"""Start or resume the training of a system: the Python side of the commands of pgtrain."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pgtrain.config import from_dict
from pgtrain.data.image_io import Background
from pgtrain.data.sources import default
from pgtrain.engine import checkpoint, distributed
from pgtrain.engine.accelerator import Engine, Precision
from pgtrain.engine.checkpoint import Position
from pgtrain.engine.loop import Loop
from pgtrain.engine.run import Run
from pgtrain.engine.system import Data, System
from pgtrain.errors import ConfigInvalid, RunInvalid
from pgtrain.systems.registry import SYSTEMS


@dataclass(frozen=True)
class Request:
    """What every training takes, whatever the system.

    `data` is read by :func:`pgtrain.data.sources.read`, or is None for the default data set; `encoder` is None for
    systems that read no text. A batch is computed in `accumulate` parts; `compile` is for :func:`torch.compile`.
    `hold_out` is the share of evolution families that are not trained on, for :mod:`pgtrain.evaluation`.
    """

    system: str
    data: str | Path | Sequence[str | Path] | None
    out: Path | None
    epochs: int
    encoder: str | None
    seed: int
    precision: Precision
    minutes: float
    resume: bool
    background: Background = "keep"
    accumulate: int = 1
    compile: bool = False
    hold_out: float = 0.0


def train(request: Request, config: Any) -> Run:
    """Train ``request.system`` up to ``request.epochs`` in all and return its run.

    With ``request.resume`` configuration, encoder, seed and parts of a batch come from the run in ``request.out``.
    Processes that a launcher started train it together; one of them writes.

    Raises:
        PokeganError: the data, the encoder or the run folder cannot be used, or training diverged.
        Interrupted: a signal came; the run can be resumed.
    """
    distributed.start()
    with distributed.main_speaks(), ExitStack() as held:
        run = distributed.from_main(Run(request.out) if request.out else Run.dated(request.system))
        with distributed.together():
            if request.resume:
                request, config = _as_before(run, request, config)
            else:
                request = replace(request, encoder=SYSTEMS[request.system].prepare(config, request.encoder))
            _check_shares(config.batch, request.accumulate)
            config.resolve(request.epochs)
            data = _read(request, config)
            if request.resume:
                _same_data(run, run.described()["data"], data, request.data)
        torch.manual_seed(request.seed)
        engine = Engine(request.precision, request.accumulate, request.compile)
        system: System = SYSTEMS[request.system].load("system")(config, engine, data.to(engine.device))
        with distributed.together():
            begun = None if request.resume else _begun(run, request, config, data)
            if distributed.is_main():
                held.enter_context(run.training())
            position = begun or _resumed(run, request, system)
        Loop(
            system, data, run, seed=request.seed, batch=config.batch, minutes=request.minutes, position=position
        ).train(request.epochs)
    return run


def _as_before(run: Run, request: Request, config: Any) -> tuple[Request, Any]:
    """Take what the run was started with."""
    described = run.described()
    if described["system"] != request.system:
        raise RunInvalid(f"{run.folder}: is a run of {described['system']}; go on with pgtrain {described['system']}")
    kept = {name: described[name] for name in ("encoder", "seed", "accumulate")}
    kept["hold_out"] = described["data"]["hold_out"]
    return replace(request, **kept), from_dict(type(config), described["config"], str(run.folder))


def _read(request: Request, config: Any) -> Data:
    with distributed.first_of_machine():
        place = default.fetch() if request.data is None else request.data
        read = SYSTEMS[request.system].load("reader")
        data: Data = read(place, config, request.encoder, request.background, request.hold_out)
    least = request.accumulate * distributed.count()
    if len(data) < least:
        raise ConfigInvalid(f"{len(data)} examples are fewer than the {least} shares of a batch; take fewer shares")
    return data


def _check_shares(batch: int, accumulate: int) -> None:
    shares = accumulate * distributed.count()
    if batch % shares:
        raise ConfigInvalid(
            f"batch {batch} is not a multiple of {shares} ({distributed.count()} processes times {accumulate} parts)"
        )


def _begun(run: Run, request: Request, config: Any, data: Data) -> Position:
    if distributed.is_main():
        asked = (request.encoder, request.seed, request.epochs, request.accumulate)
        run.create(request.system, *asked, config, data, request.hold_out)
        data.preview().save(run.folder / "real.png")
    return Position()


def _resumed(run: Run, request: Request, system: System) -> Position:
    # A run that was killed before its first checkpoint begins again.
    position = checkpoint.restore(run.checkpoint, system) if run.checkpoint.is_file() else Position()
    if distributed.is_main():
        run.rewind(position.epoch)
        run.extend(request.epochs)
    return position


def _same_data(run: Run, trained: dict[str, Any], data: Data, place: str | Path | Sequence[str | Path] | None) -> None:
    for name, value in data.identity.items():
        before = trained.get(name)
        if name == "digest" and before != value:
            places = [place] if isinstance(place, str | Path) else place or ["the default data set"]
            given = ", ".join(map(str, places))
            raise RunInvalid(f"{run.folder}: was trained on other data than {given}; give the same data")
        if before != value:
            raise RunInvalid(f"{run.folder}: was trained with {name} {before}; give the same")
