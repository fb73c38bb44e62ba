"""The options of the recipes; imports no PyTorch, so that ``--help`` is fast."""

from dataclasses import dataclass
from typing import Any, ClassVar

from pgtrain.config import option


@dataclass
class DCGANConfig:
    """The options of the recipe; each field is an option of ``pgtrain dcgan``."""

    RETIRED: ClassVar[tuple[str, ...]] = ("critic_steps",)
    """Fields that are ignored in saved configurations: the embedded dcgan's has `critic_steps`, which was always 1."""

    size: int = option(64, "pixels a side", choices=(32, 64, 96, 128, 256))
    channels: int = option(4, "4: RGBA, 3: RGB on white", choices=(3, 4))
    latent_dim: int = option(128, "size of the latent", minimum=1)
    width: int = option(32, "channels at the full resolution; deeper layers have up to 8 times as many", minimum=4)
    blocks: str = option("upsample", "how the generator doubles its resolution", choices=("upsample", "transposed"))
    loss: str = option("hinge", "adversarial loss", choices=("hinge", "bce"))
    pretrain: int = option(20, "epochs of reconstruction before adversarial training")
    pretrain_lr: float = option(2e-3, "learning rate of reconstruction")
    batch: int = option(32, "batch size", minimum=1)
    lr: float = option(3e-4, "learning rate of both networks (Adam)")
    beta1: float = option(0.0, "Adam's first beta", below=1)
    beta2: float = option(0.99, "Adam's second beta", below=1)
    discriminator_steps: int = option(1, "discriminator steps per generator step", minimum=1)
    augment: bool = option(True, "differentiable augmentation of the discriminator's inputs")
    r1: float = option(0.2, "gamma of the R1 penalty; 0: none")
    r1_interval: int = option(16, "steps between two R1 penalties", minimum=1)
    ema: float = option(0.995, "decay per step of the averaged generator", maximum=1)

    def resolve(self, epochs: int) -> None:
        """Nothing depends on the number of epochs."""


RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "original": {
        "channels": 3,
        "blocks": "transposed",
        "pretrain": 0,
        "width": 64,
        "loss": "bce",
        "batch": 128,
        "lr": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "augment": False,
        "r1": 0.0,
        "ema": 0.0,
    },
}
"""The defaults that each recipe changes; the original is like the DCGAN of PyTorch's tutorial."""
