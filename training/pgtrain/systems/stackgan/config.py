"""The options of stackgan; imports no PyTorch, so that ``--help`` is fast."""

from dataclasses import dataclass
from typing import Any

from pgtrain.config import option

STAGE1_SIZE = 64
"""Pixels a side after stage I."""


@dataclass
class StackGANConfig:
    """The recipe's options; each field is an option of ``pgtrain stackgan``.

    Options that only one of the two generators reads say so in their help.
    """

    stage: str = option(
        "both",
        "1: train stage I alone, 64x64 pixels; 2: stage II alone, on that of --start",
        choices=("1", "2", "both"),
    )
    start: str | None = option(None, "run or bundle to start from, with its generator and --encoder")
    size: int = option(128, "pixels a side after stage II", choices=(128, 256))
    generator: str = option(
        "memory",
        "memory: text attends over codes of the training pictures; original: see --recipe original",
        choices=("memory", "original"),
    )
    stage1_epochs: int = option(-1, "epochs of stage I where both are trained; -1: two thirds of --epochs", minimum=-1)
    stage1_pretrain: int = option(
        -1, "memory: epochs of reconstruction in stage I; -1: a quarter of --epochs, none with --start", minimum=-1
    )
    batch: int = option(32, "pictures a step", minimum=1)
    whitened_dim: int = option(200, "memory: dimensions of a whitened text embedding", minimum=1)
    width: int = option(32, "channels of the generator's last blocks; deeper ones have multiples", minimum=8)
    pretrain_lr: float = option(2e-3, "memory: Adam's learning rate of reconstruction, annealed to a tenth")
    generator_lr: float = option(2e-4, "Adam's learning rate of the generator against the discriminator")
    discriminator_lr: float = option(2e-4, "Adam's learning rate of the discriminator")
    beta1: float = option(0.0, "Adam's first beta against the discriminator", below=1)
    beta2: float = option(0.99, "Adam's second beta", below=1)
    reconstruction: float = option(20.0, "memory: weight of the reconstruction loss in adversarial training")
    features: float = option(2.0, "memory: weight of the feature matching loss of reconstructions")
    codes_lr: float = option(1e-3, "memory: Adam's learning rate of the codes against the discriminator")
    anchor: float = option(6.0, "memory: weight of the layout loss of mixed codes, against the autoencoder's output")
    chroma: float = option(15.0, "memory: weight of the color loss of mixed codes, against the autoencoder's output")
    ema: float = option(0.998, "decay of the averaged generator, a step", maximum=1)

    def resolve(self, epochs: int) -> None:
        """Set the default epochs of the phases for a run of `epochs`; a longer resume keeps them."""
        if self.stage != "both":
            self.stage1_epochs = epochs if self.stage == "1" else 0
        elif self.stage1_epochs < 0:
            self.stage1_epochs = max(1, round(2 / 3 * epochs))
        if self.stage1_pretrain < 0:
            self.stage1_pretrain = 0 if self.start else max(1, round(0.25 * epochs))
        self.stage1_pretrain = min(self.stage1_pretrain, self.stage1_epochs)


RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "original": {
        "epochs": 300,
        "generator": "original",
        "batch": 64,
        "generator_lr": 5e-4,
        "discriminator_lr": 5e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "ema": 0.0,
    },
}
"""The defaults that each recipe changes.

The original used ``--encoder bert-base-uncased``; the recipe keeps the default encoder, which needs no hub. Training
its stage II takes 10 GB of memory, and a checkpoint 7 GB of disk.
"""
