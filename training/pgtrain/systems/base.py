"""The interface between systems and the readers of their runs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import nn

Weights = Mapping[str, Any]
"""Weights by name, as tensors or arrays; networks are rebuilt from their shapes alone."""


class Architecture(NamedTuple):
    """A generator of the sizes of given weights, before they are loaded into it.

    A system's `rebuild` function makes it from the configuration, the weights, and the position of the checkpoint that
    they come from (None: every part that has weights was trained).

    Attributes:
        network: called with latents (N, `latent_dim`), and text embeddings (N, `text_dim`) if it reads text.
        latent_dim: size of a latent.
        text_dim: size of a text embedding; 0 if it reads none.
        zeros: weights that an exporter may leave out where they are all zero.
    """

    network: nn.Module
    latent_dim: int
    text_dim: int = 0
    zeros: tuple[str, ...] = ()
