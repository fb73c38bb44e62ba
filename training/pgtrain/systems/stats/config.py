"""The options of the recipes; imports no PyTorch, so that ``--help`` is fast."""

from dataclasses import dataclass
from typing import Any

from pgtrain.config import option


@dataclass
class StatsConfig:
    """The options of the recipe; each field is an option of ``pgtrain stats``."""

    noise_dim: int = option(32, "size of the noise that the generator's network reads", minimum=1)
    width: int = option(128, "units of the generator's layers", minimum=8)
    critic_width: int = option(256, "units of the critic's layers", minimum=8)
    networks: str = option(
        "direct",
        "architecture; direct: residual, and the last layer reads the inputs too",
        choices=("direct", "residual", "skips"),
    )
    loss: str = option("relativistic", "adversarial loss", choices=("relativistic", "hinge", "bce"))
    penalty: str = option(
        "zero",
        "penalty: gradients at real and generated rows to 0, or between them to 1",
        choices=("zero", "gp"),
    )
    gamma: float = option(2.0, "weight of the gradient penalty")
    pac: int = option(4, "rows that the critic scores together", minimum=1)
    batch: int = option(128, "batch size", minimum=1)
    passes: int = option(3, "passes over the rows per epoch", minimum=1)
    lr: float = option(5e-4, "Adam's learning rate of the generator")
    critic_lr: float = option(5e-4, "Adam's learning rate of the critic")
    lr_decay: float = option(0.7, "factor on both learning rates every --lr-epochs")
    lr_epochs: int = option(33, "epochs between two decays of the learning rates", minimum=1)
    beta1: float = option(0.0, "Adam's first beta", below=1)
    beta2: float = option(0.99, "Adam's second beta", below=1)
    critic_steps: int = option(1, "critic steps per generator step", minimum=1)
    dropout: float = option(0.0, "dropout of the critic", maximum=0.9)
    type_dropout: float = option(0.6, "share of rows whose types are hidden from the generator", maximum=1)
    temperature: float = option(0.4, "temperature of the softmax over type pairs", minimum=0.05)
    consistency: float = option(1.0, "weight of the distance between the drawn stats' sum and the total")
    soft_labels: float = option(0.0, "label smoothing of bce", maximum=0.5)
    matching: float = option(0.0, "weight of the distance between mean features of the critic")
    moments: float = option(0.0, "weight of the distance between means, and mean squares, of rows")
    ema: float = option(0.999, "decay per step of the averaged generator", maximum=1)

    def resolve(self, epochs: int) -> None:
        """Nothing depends on the number of epochs."""


RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "original": {
        "noise_dim": 128,
        "width": 128,
        "critic_width": 128,
        "networks": "skips",
        "loss": "bce",
        "penalty": "gp",
        "gamma": 10.0,
        "pac": 1,
        "batch": 32,
        "passes": 10,
        "lr": 1e-4,
        "critic_lr": 4e-4,
        "lr_decay": 0.95,
        "lr_epochs": 100,
        "beta1": 0.5,
        "beta2": 0.999,
        "dropout": 0.3,
        "soft_labels": 0.1,
        "matching": 1.0,
        "ema": 0.0,
    },
}
"""The defaults that each recipe changes.

The original's rows were not valid: tanh held each stat within a deviation of its mean, the total was drawn
independently of the stats, numbers were fractions and types were off by one. The recipe keeps the original's networks,
losses and learning rates (times 0.95 every 1,000 passes, here also after a resume) and decodes as the default does. It
has no early stopping, which was inverted.
"""
