"""The options of the recipes; imports no PyTorch, so that ``--help`` is fast."""

from dataclasses import dataclass
from typing import Any

from pgtrain.config import option


@dataclass
class WGANConfig:
    """The options of the recipe; each field is an option of ``pgtrain wgan``.

    A learning rate or number of steps of 0 for the critic is the default of its Lipschitz constraint.
    """

    lipschitz: str = option(
        "gp", "constraint of the critic: gradient penalty or weight clipping", choices=("gp", "clip")
    )
    size: int = option(64, "pixels a side", choices=(32, 64, 96, 128, 256))
    channels: int = option(4, "4: RGBA, 3: RGB on white", choices=(3, 4))
    latent_dim: int = option(128, "size of the latent", minimum=1)
    width: int = option(32, "channels at the full resolution; deeper layers have up to 8 times as many", minimum=4)
    blocks: str = option("upsample", "how the generator doubles its resolution", choices=("upsample", "transposed"))
    pretrain: int = option(20, "epochs of reconstruction before adversarial training")
    pretrain_lr: float = option(2e-3, "learning rate of reconstruction")
    batch: int = option(32, "batch size", minimum=1)
    lr: float = option(2e-4, "learning rate of the generator: Adam for gp, RMSProp for clip")
    critic_lr: float = option(
        0.0, "the critic's learning rate; 0: five times the generator's for gp, the same for clip"
    )
    beta1: float = option(0.0, "Adam's first beta, for gp", below=1)
    beta2: float = option(0.99, "Adam's second beta, for gp", below=1)
    critic_steps: int = option(0, "critic steps per generator step; 0: 1 for gp, 5 for clip")
    penalty: float = option(3.0, "weight of the gradient penalty, for gp")
    penalty_interval: int = option(1, "steps between gradient penalties, whose weight grows accordingly", minimum=1)
    clip: float = option(0.01, "largest absolute weight of the critic, for clip")
    augment: bool = option(True, "differentiable augmentation of the critic's inputs")
    ema: float = option(0.995, "decay per step of the averaged generator", maximum=1)

    def resolve(self, epochs: int) -> None:
        """Set the defaults of the critic's Lipschitz constraint.

        A penalized critic that learns faster than the generator needs no additional steps (Heusel et al., 2017,
        arXiv:1706.08500).
        """
        penalized = self.lipschitz == "gp"
        self.critic_lr = self.critic_lr or (5 if penalized else 1) * self.lr
        self.critic_steps = self.critic_steps or (1 if penalized else 5)


RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "original": {
        "size": 128,
        "channels": 3,
        "blocks": "transposed",
        "pretrain": 0,
        "batch": 64,
        "lr": 1e-4,
        "critic_lr": 1e-4,
        "critic_steps": 1,
        "penalty": 10.0,
        "penalty_interval": 1,
        "beta1": 0.01,
        "beta2": 0.9,
        "augment": False,
        "ema": 0.0,
    },
}
"""The defaults that each recipe changes; the original project that clips weights also had
`--lipschitz clip --critic-steps 5 --lr 2e-4 --critic-lr 2e-4`."""
