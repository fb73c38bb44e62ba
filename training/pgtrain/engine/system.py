"""The interface between the training loop and the systems."""

from collections.abc import Iterator
from typing import Any, Protocol, Self

import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim import Optimizer

from pgtrain.engine.accelerator import Accelerator

Metrics = dict[str, Tensor]


class Data(Protocol):
    """A data set in memory, of pictures or of rows.

    `names` are those of its Pokémon; `identity` must be equal when a run is resumed: the SHA-256 of the files that it
    was read from (``digest``, hex), and options that change what is read.
    """

    names: list[str]

    @property
    def identity(self) -> dict[str, str]:
        """Facts that distinguish this data set from others."""

    def __len__(self) -> int:
        """Count the examples."""

    def to(self, device: torch.device) -> Self:
        """Move every tensor to `device`."""

    def batches(self, size: int, order: torch.Generator) -> Iterator[Tensor]:
        """Yield the index tensors of one epoch, each int64 (size,), shuffled by `order`."""

    def preview(self) -> Image.Image:
        """Draw real examples, for ``real.png``."""


class System(Protocol):
    """Networks, losses and recipe of one kind of GAN.

    `networks` and `optimizers`, by name, are the state that a checkpoint keeps.
    """

    name: str
    accelerator: Accelerator
    networks: nn.ModuleDict
    optimizers: dict[str, Optimizer]

    def start_epoch(self, epoch: int) -> str:
        """Prepare for `epoch` (from 0) and name the phase it belongs to."""

    def train_step(self, data: Any, indices: Tensor, step: int) -> Metrics:
        """Train on this process's share of the examples at `indices`; `step` counts from the start of the run."""

    def progress(self) -> Image.Image:
        """Draw the same latents after every epoch with the averaged generator."""
