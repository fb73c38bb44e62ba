"""The numbers of the recipe; without PyTorch, so that ``--help`` answers at once."""

from dataclasses import dataclass

from pgtrain.config import option


@dataclass
class StackGANConfig:
    """Every number of the recipe; each field is an option of ``pgtrain stackgan``."""

    size: int = option(128, "pixels a side after stage II", choices=(128, 256))
    stage1_epochs: int = option(-1, "epochs of stage I; -1: 80 % of --epochs", minimum=-1)
    stage1_pretrain: int = option(-1, "of them, epochs of pure reconstruction; -1: 75 %", minimum=-1)
    stage2_pretrain: int = option(-1, "epochs of pure reconstruction in stage II; -1: 60 %", minimum=-1)
    batch: int = option(32, "pictures a step", minimum=1)
    whitened_dim: int = option(160, "numbers a text keeps after whitening", minimum=1)
    condition_dim: int = option(128, "numbers of the augmented condition", minimum=1)
    noise_dim: int = option(128, "numbers of noise", minimum=1)
    width: int = option(64, "channels of the generator at 64 pixels; deeper layers have multiples", minimum=8)
    critic_width: int = option(32, "channels of the discriminator at 64 pixels", minimum=4)
    pretrain_lr: float = option(1e-3, "Adam's learning rate during reconstruction")
    generator_lr: float = option(2e-4, "Adam's learning rate of the generator against the discriminator")
    discriminator_lr: float = option(2e-4, "Adam's learning rate of the discriminator")
    beta1: float = option(0.0, "Adam's first beta against the discriminator")
    beta2: float = option(0.99, "Adam's second beta")
    reconstruction: float = option(2.0, "weight of reconstruction beside the adversarial loss")
    kl: float = option(1e-3, "weight of the KL term of conditioning augmentation")
    mismatch: float = option(0.5, "weight of real pictures with another picture's text, among the fakes")
    r1: float = option(1.0, "gamma of the R1 penalty")
    r1_interval: int = option(16, "steps between two R1 penalties", minimum=1)
    ema: float = option(0.998, "decay of the averaged generator, a step")

    @property
    def latent_dim(self) -> int:
        """Numbers a picture's latent has: noise, then one draw a stage for conditioning augmentation."""
        return self.noise_dim + 2 * self.condition_dim

    def resolve(self, epochs: int) -> None:
        """Fill the epochs that were left to defaults for a run of `epochs`, so that a longer resume keeps them."""
        if self.stage1_epochs < 0:
            self.stage1_epochs = max(1, round(0.8 * epochs))
        if self.stage1_pretrain < 0:
            self.stage1_pretrain = round(0.75 * self.stage1_epochs)
        if self.stage2_pretrain < 0:
            self.stage2_pretrain = round(0.6 * max(0, epochs - self.stage1_epochs))
