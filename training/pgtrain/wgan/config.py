"""The numbers of the recipes; without PyTorch, so that ``--help`` answers at once."""

from dataclasses import dataclass
from typing import Any

from pgtrain.config import option


@dataclass
class WGANConfig:
    """Every number of the recipe; each field is an option of ``pgtrain wgan``.

    A rate or a number of critic steps of 0 stands for what the way of holding the critic needs.
    """

    lipschitz: str = option("gp", "how the critic is held: gradient penalty or clipped weights", choices=("gp", "clip"))
    size: int = option(128, "pixels a side", choices=(32, 64, 128, 256))
    channels: int = option(4, "4: RGBA, 3: RGB on white", choices=(3, 4))
    latent_dim: int = option(128, "numbers of noise", minimum=1)
    width: int = option(32, "channels at the full resolution; deeper layers have up to 8 times as many", minimum=4)
    blocks: str = option("upsample", "how the generator doubles its resolution", choices=("upsample", "transposed"))
    pretrain: int = option(20, "first epochs, in which the generator learns to draw each picture from its own code")
    pretrain_lr: float = option(2e-3, "Adam's learning rate in those epochs")
    batch: int = option(64, "pictures a step", minimum=1)
    lr: float = option(0.0, "learning rate of both networks; 0: 1e-4 (Adam) for gp, 2e-4 (RMSProp) for clip")
    beta1: float = option(0.0, "Adam's first beta, for gp")
    beta2: float = option(0.9, "Adam's second beta, for gp")
    critic_steps: int = option(0, "steps of the critic for one of the generator; 0: 2 for gp, 5 for clip")
    penalty: float = option(10.0, "weight of the gradient penalty, for gp")
    penalty_interval: int = option(4, "steps between two gradient penalties, each then that much stronger", minimum=1)
    clip: float = option(0.01, "largest weight of the critic, for clip")
    augment: bool = option(True, "differentiable augmentation of what the critic sees")
    ema: float = option(0.995, "decay of the averaged generator, a step")

    def resolve(self, epochs: int) -> None:
        """Fill what the way of holding the critic decides."""
        penalised = self.lipschitz == "gp"
        self.lr = self.lr or (1e-4 if penalised else 2e-4)
        self.critic_steps = self.critic_steps or (2 if penalised else 5)


RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "original": {
        "channels": 3,
        "blocks": "transposed",
        "pretrain": 0,
        "critic_steps": 1,
        "penalty_interval": 1,
        "beta1": 0.01,
        "augment": False,
        "ema": 0.0,
    },
}
"""What each recipe changes of the defaults; the clipping parent takes `--lipschitz clip --critic-steps 5`."""
