"""The numbers of the recipe; without PyTorch, so that ``--help`` answers at once."""

from dataclasses import dataclass
from typing import Any

from pgtrain.config import option

STAGE1_SIZE = 64
"""Pixels a side after stage I."""


@dataclass
class StackGANConfig:
    """Every number of the recipes; each field is an option of ``pgtrain stackgan``.

    Runs of older versions lack the newer fields: give those defaults that leave their networks as they were.
    """

    stage: str = option("both", "train stage I alone, stage II alone (on --start), or both", choices=("1", "2", "both"))
    start: str | None = option(None, "run, or bundle, whose generator and --encoder this run goes on from")
    size: int = option(128, "pixels a side after stage II", choices=(128, 256))
    generator: str = option(
        "memory",
        "memory: text reads codes of the training pictures; conditional: text and noise are mapped to pixels",
        choices=("memory", "conditional"),
    )
    channels: int = option(4, "4: RGBA, 3: RGB on white", choices=(3, 4))
    stage1: str = option("upsample", "how stage I doubles its resolution", choices=("upsample", "transposed"))
    stage2: str = option(
        "residual", "dense: one layer over the whole picture of stage I, 428 M weights", choices=("residual", "dense")
    )
    discriminator: str = option(
        "projected",
        "projected: looks through a frozen network of photographs; projection and joint learn features of their own",
        choices=("projected", "projection", "joint"),
    )
    loss: str = option("hinge", "what generator and discriminator play for", choices=("hinge", "bce"))
    stage1_share: float = option(0.8, "share of --epochs for stage I", maximum=1)
    stage1_epochs: int = option(-1, "epochs of stage I where --stage is both; -1: --stage1-share", minimum=-1)
    stage1_pretrain: int = option(-1, "of them, epochs of pure reconstruction; -1: 75 %", minimum=-1)
    stage2_pretrain: int = option(-1, "epochs of pure reconstruction in stage II; -1: 60 %", minimum=-1)
    batch: int = option(32, "pictures a step", minimum=1)
    whitened_dim: int = option(200, "numbers a text keeps after whitening; 0: not whitened")
    condition_dim: int = option(128, "numbers of the augmented condition", minimum=1)
    noise_dim: int = option(128, "numbers of noise", minimum=1)
    width: int = option(32, "channels of the generator's last blocks; deeper ones have multiples", minimum=8)
    critic_width: int = option(32, "channels of the discriminator's first blocks, likewise", minimum=4)
    pretrain_lr: float = option(2e-3, "Adam's learning rate of reconstruction, at its start; its end has a tenth")
    generator_lr: float = option(2e-4, "Adam's learning rate of the generator against the discriminator")
    discriminator_lr: float = option(2e-4, "Adam's learning rate of the discriminator")
    stage2_generator_lr: float = option(0.0, "the generator's in stage II; 0: as in stage I")
    stage2_discriminator_lr: float = option(0.0, "the discriminator's in stage II; 0: as in stage I")
    beta1: float = option(0.0, "Adam's first beta against the discriminator", below=1)
    beta2: float = option(0.99, "Adam's second beta", below=1)
    reconstruction: float = option(20.0, "weight of reconstruction beside the adversarial loss")
    reconstruct: str = option(
        "named",
        "captions that it holds for beside the adversarial loss: all, or those with a name",
        choices=("all", "named"),
    )
    codes_lr: float = option(1e-3, "Adam's learning rate of the memory's codes against the discriminator")
    anchor: float = option(6.0, "weight of the layout that the autoencoder drew of a mix")
    chroma: float = option(15.0, "weight of the colors that the autoencoder drew of a mix")
    kl: float = option(1e-3, "weight of the KL term of conditioning augmentation")
    mismatch: float = option(0.5, "weight of real pictures with another picture's text, among the fakes")
    augment: bool = option(True, "differentiable augmentation of what the discriminator sees")
    instance_noise: float = option(0.0, "deviation of the noise on what the discriminator of stage I sees")
    dropout: float = option(0.0, "share that the joint discriminator of stage II drops", maximum=0.9)
    r1: float = option(1.0, "gamma of the R1 penalty; 0: none, as for the projected discriminator")
    r1_interval: int = option(16, "steps between two R1 penalties", minimum=1)
    ema: float = option(0.998, "decay of the averaged generator, a step", maximum=1)

    @property
    def latent_dim(self) -> int:
        """Numbers a picture's latent has: noise, then one draw a stage for conditioning augmentation."""
        return self.noise_dim + 2 * self.condition_dim

    def resolve(self, epochs: int) -> None:
        """Fill the epochs that were left to defaults for a run of `epochs`, so that a longer resume keeps them."""
        if self.generator == "memory":
            self._resolve_memory(epochs)
            return
        if self.stage != "both":
            self.stage1_epochs = epochs if self.stage == "1" else 0
        if self.stage1_epochs < 0:
            self.stage1_epochs = max(1, round(self.stage1_share * epochs))
        if self.stage1_pretrain < 0:
            self.stage1_pretrain = round(0.75 * self.stage1_epochs)
        if self.stage2_pretrain < 0:
            self.stage2_pretrain = round(0.6 * max(0, epochs - self.stage1_epochs))

    def _resolve_memory(self, epochs: int) -> None:
        """Reconstruct in the first third of `epochs`, most of it in stage I; not in a run that has a start."""
        refined = self.stage != "1"
        if self.stage1_pretrain < 0:
            self.stage1_pretrain = 0 if self.start else max(1, round(epochs * (0.25 if refined else 0.35)))
        if self.stage2_pretrain < 0:
            self.stage2_pretrain = round(0.1 * epochs) if refined and not self.start else 0


RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "original": {
        "epochs": 300,
        "generator": "conditional",
        "channels": 3,
        "stage1": "transposed",
        "stage2": "dense",
        "discriminator": "joint",
        "loss": "bce",
        "stage1_share": 2 / 3,
        "stage1_pretrain": 0,
        "stage2_pretrain": 0,
        "batch": 64,
        "whitened_dim": 0,
        "condition_dim": 768,
        "noise_dim": 100,
        "width": 32,
        "critic_width": 64,
        "generator_lr": 5e-4,
        "discriminator_lr": 5e-4,
        "stage2_generator_lr": 2e-3,
        "stage2_discriminator_lr": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "reconstruction": 0.0,
        "reconstruct": "all",
        "kl": 0.0,
        "augment": False,
        "instance_noise": 0.05,
        "dropout": 0.4,
        "r1": 0.0,
        "ema": 0.0,
    },
}
"""What each recipe changes of the defaults.

The original read ``--encoder bert-base-uncased``; the default one is kept, because it needs no hub. Its condition
is as wide as that BERT's text: only so does the dense layer of stage II have the 428 million weights it is known
for ((3 x 64 x 64 + 768) x 128 x 16 x 16). The deviation of its instance noise is not known: 0.05 is ours.
Training that stage II takes 10 GB of memory, and a checkpoint 7 GB.
"""
