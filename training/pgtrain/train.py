"""Start or resume the training of a system: the Python side of ``pgtrain stackgan``."""

from dataclasses import dataclass
from pathlib import Path

import torch

from pgtrain import checkpoint
from pgtrain.checkpoint import Position
from pgtrain.config import from_dict
from pgtrain.dataset import load_dataset
from pgtrain.engine import Engine, Precision
from pgtrain.errors import RunInvalid
from pgtrain.loop import Loop
from pgtrain.pictures import grid
from pgtrain.run import Run
from pgtrain.stackgan.config import StackGANConfig
from pgtrain.stackgan.recipe import StackGAN


@dataclass(frozen=True)
class Request:
    """What every training takes, whatever the system."""

    data: Path
    out: Path | None
    epochs: int
    encoder: str
    seed: int
    precision: Precision
    minutes: float
    resume: bool


def train_stackgan(request: Request, config: StackGANConfig) -> Run:
    """Train a StackGAN up to ``request.epochs`` in all and return its run.

    With ``request.resume`` configuration, encoder and seed come from the run in ``request.out``.

    Raises:
        PgtrainError: the data, the encoder or the run folder cannot be used, or training diverged.
        Interrupted: a signal came; the run can be resumed.
    """
    run = Run(request.out) if request.out else Run.dated("stackgan")
    encoder, seed = request.encoder, request.seed
    if request.resume:
        described = run.described()
        encoder, seed = described["encoder"], described["seed"]
        config = from_dict(StackGANConfig, described["config"], str(run.folder))
    config.resolve(request.epochs)
    data = load_dataset(request.data, config.size, encoder)
    if request.resume and described["data"]["digest"] != data.digest:
        raise RunInvalid(f"{run.folder}: was trained on other data than {request.data}; give the same --data")
    torch.manual_seed(seed)
    engine = Engine(request.precision)
    system = StackGAN(config, engine, data.to(engine.device))
    if request.resume:
        position = checkpoint.restore(run.checkpoint, system)
    else:
        run.create("stackgan", encoder, seed, config, data)
        grid(data.pictures[:64].float() / 255).save(run.folder / "real.png")
        position = Position()
    loop = Loop(system, data, run, seed=seed, batch=config.batch, minutes=request.minutes, position=position)
    loop.train(request.epochs)
    return run
