"""What the training loop needs to know of a system; it knows no system by name."""

from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer

Metrics = dict[str, Tensor]


class System(Protocol):
    """Networks, losses and recipe of one kind of GAN.

    `networks` and `optimizers` hold everything that a checkpoint must keep, by name.
    """

    name: str
    networks: nn.ModuleDict
    optimizers: dict[str, Optimizer]

    def start_epoch(self, epoch: int) -> str:
        """Prepare for `epoch` (from 0) and name the phase it belongs to."""

    def train_step(self, data: Any, indices: Tensor, step: int) -> Metrics:
        """Update once on the pictures at `indices`; `step` counts from the start of the run."""

    def sample(self) -> Tensor:
        """Draw the fixed latents with the averaged generator: premultiplied RGBA, float (N, 4, S, S) in 0..1."""
