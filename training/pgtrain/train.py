"""Start or resume the training of a system."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from pgtrain.config import from_dict
from pgtrain.data.options import DataOptions
from pgtrain.data.sources import default
from pgtrain.engine import checkpoint, distributed
from pgtrain.engine.accelerator import Accelerator, Precision
from pgtrain.engine.checkpoint import Position
from pgtrain.engine.footprint import require_training
from pgtrain.engine.loop import Loop
from pgtrain.engine.run import Run
from pgtrain.engine.system import Data, System
from pgtrain.errors import ConfigInvalid, MemoryTooSmall, RunDiffers, RunInvalid
from pgtrain.systems.registry import SYSTEMS
from pokegan.errors import one_line

DEFAULT_EPOCHS = 200

ALLOCATION = re.compile("not enough memory|out of memory|can't allocate|invalid buffer size|Storage size calculation")
"""Messages of PyTorch for a failed allocation, which on a CPU is a plain RuntimeError."""


@dataclass(frozen=True)
class Request(DataOptions):
    """The arguments of every training, beside the options of its data.

    Attributes:
        data: as :func:`pgtrain.data.sources.read` takes it; None for the default data set, or that of a resumed run.
        out: the run folder; None for a dated one.
        epochs: in all; None for those of a resumed run.
        encoder: the text encoder; None for systems that read no text.
        minutes: between two checkpoints.
        accumulate: parts that a batch is computed in.
        compile: whether networks are compiled by :func:`torch.compile`.
        keep: number of last checkpoints that are kept.
        chosen: the options that are not at their defaults, and the recipe or file that sets each, or "". When a run is
            resumed, only these are compared with its own.
    """

    system: str
    data: str | Path | Sequence[str | Path] | None
    out: Path | None
    epochs: int | None
    encoder: str | None
    seed: int
    precision: Precision
    minutes: float
    resume: bool
    accumulate: int = 1
    compile: bool = False
    keep: int = 2
    chosen: Mapping[str, str] = field(default_factory=dict)


def train(request: Request, config: Any) -> Run:
    """Train ``request.system`` up to ``request.epochs`` in all and return its run.

    With ``request.resume`` configuration, encoder, seed and parts of a batch come from the run in ``request.out``;
    of the options in ``request.chosen`` only learning rates may differ from them.
    All processes of a launcher train one run; the main one writes.

    Raises:
        PokeganError: the data, the encoder or the run folder cannot be used, or training diverged.
        Interrupted: a signal came; the run can be resumed.
    """
    entry = SYSTEMS[request.system]
    distributed.start()
    with distributed.report_on_main(), _allocation_errors(), ExitStack() as held:
        run = distributed.from_main(Run(request.out) if request.out else Run.dated(request.system))
        with distributed.fail_together():
            if request.resume:
                request, config = _with_options_of(run, request, config)
            elif entry.warm_start:
                request = replace(request, encoder=entry.load("warm_start")(config, request.encoder))
            _check_shares(config.batch, request.accumulate)
            epochs = request.epochs or DEFAULT_EPOCHS
            config.resolve(epochs)
            if entry.footprint:
                require_training(entry.load("footprint"), config, request.accumulate * distributed.count())
            data = _read(request, config)
            if request.resume:
                _same_data(run, run.described()["data"], data, request.data)
        torch.manual_seed(request.seed)
        accelerator = Accelerator(request.precision, request.accumulate, request.compile)
        system: System = entry.load("system")(config, accelerator, data.to(accelerator.device))
        with distributed.fail_together():
            if distributed.is_main():
                if not request.resume:
                    _create(run, request, epochs, config, data)
                held.enter_context(run.training())
            position = _restore(run, request, epochs, config, system) if request.resume else Position()
        Loop(
            system,
            data,
            run,
            seed=request.seed,
            batch=config.batch,
            minutes=request.minutes,
            position=position,
            keep=request.keep,
        ).train(epochs)
    return run


@contextmanager
def _allocation_errors() -> Iterator[None]:
    """Turn failed allocations, of more memory than was estimated, into MemoryTooSmall."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not ALLOCATION.search(str(error)):
            raise
        raise MemoryTooSmall(
            f"there is too little memory for these networks and batches ({one_line(error)}); lower one of their sizes, "
            "or compute batches in more parts"
        ) from error


def _with_options_of(run: Run, request: Request, config: Any) -> tuple[Request, Any]:
    """Return the request and the configuration that `run` was started with, and learning rates that were chosen anew.

    Raises:
        RunDiffers: another option was chosen.
        RunInvalid: it is a run of another system.
    """
    described = run.described()
    if described["system"] != request.system:
        raise RunInvalid(f"{run.folder}: is a run of {described['system']}; choose another folder")
    kept = {name: described[name] for name in ("encoder", "seed", "accumulate")}
    kept |= vars(DataOptions.recorded(described["data"]))
    before = from_dict(type(config), described["config"], str(run.folder))
    chosen = replace(config)
    chosen.resolve(described["epochs"])
    pairs = {name: (getattr(chosen, name), value) for name, value in vars(before).items()}
    pairs |= {name: (getattr(request, name), value) for name, value in kept.items()}
    changed = {name: pair for name, pair in pairs.items() if name in request.chosen and pair[0] != pair[1]}
    fixed = {name: pair for name, pair in changed.items() if not _is_learning_rate(name)}
    if fixed:
        origins = {name: request.chosen[name] and f" (of {request.chosen[name]})" for name in fixed}
        differences = ", ".join(f"{name} {old} instead of {new}{origins[name]}" for name, (new, old) in fixed.items())
        raise RunDiffers(f"{run.folder}: has {differences}; keep what the run has, or start another run")
    rates = {name: new for name, (new, _) in changed.items()}
    epochs = request.epochs or described["epochs"]
    data = run.sources() if request.data is None else request.data
    return replace(request, **kept, epochs=epochs, data=data), replace(before, **rates)


def _is_learning_rate(name: str) -> bool:
    return name == "lr" or name.endswith("_lr")


def _read(request: Request, config: Any) -> Data:
    with distributed.local_main_first():
        place = default.fetch() if request.data is None else request.data
        read = SYSTEMS[request.system].load("reader")
        data: Data = read(place, config, request.encoder, request)
    least = request.accumulate * distributed.count()
    if len(data) < least:
        raise ConfigInvalid(
            f"{len(data)} examples are fewer than the {least} parts of a batch; use fewer processes or parts"
        )
    return data


def _check_shares(batch: int, accumulate: int) -> None:
    shares = accumulate * distributed.count()
    if batch % shares:
        raise ConfigInvalid(
            f"batch {batch} is not a multiple of {shares} ({distributed.count()} processes times {accumulate} parts)"
        )


def _create(run: Run, request: Request, epochs: int, config: Any, data: Data) -> None:
    options = (request.encoder, request.seed, epochs, request.accumulate)
    with run.writing():
        run.create(request.system, *options, config, data, request.hold_out, request.data)
        run.write_picture("real.png", data.preview())


def _restore(run: Run, request: Request, epochs: int, config: Any, system: System) -> Position:
    # A run that was killed before its first checkpoint begins again.
    saved = run.checkpoint.is_file()
    position = checkpoint.restore(run.checkpoint, system) if saved else Position()
    if distributed.is_main():
        with run.writing():
            run.rewind(position.epoch)
            if saved:
                checkpoint.drop_after(run.checkpoint, position.total)
            run.extend(position.epoch, epochs, config, request.data)
    return position


def _same_data(run: Run, trained: dict[str, Any], data: Data, place: str | Path | Sequence[str | Path] | None) -> None:
    for name, value in data.identity.items():
        before = trained.get(name)
        if name == "digest" and before != value:
            places = [place] if isinstance(place, str | Path) else place or ["the default data set"]
            named = ", ".join(map(str, places))
            raise RunInvalid(f"{run.folder}: was trained on other data than {named}; give the same data")
        if before != value:
            raise RunInvalid(f"{run.folder}: was trained with {name} {before}; give the same")
