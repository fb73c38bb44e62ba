"""The memory that a training needs, estimated on the meta device before anything is allocated."""

import dataclasses
import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pgtrain.errors import MemoryTooSmall

WEIGHT = 16
"""Bytes per weight in training: weight, gradient and two moments, each float32."""

ACTIVATION = 2
"""Fewest bytes per value of a layer's output: bf16 or fp16."""


class Call(NamedTuple):
    """A network that is trained, and the inputs of its forward pass."""

    network: nn.Module
    inputs: tuple[Any, ...]


Footprint = Callable[[Any, int], Sequence[Call]]
"""Builds the largest networks of a configuration, and inputs for a number of examples, on the default device."""


def estimate(footprint: Footprint, config: Any, examples: int) -> float:
    """Count the bytes of weights and of one forward pass of `examples`: a lower bound; infinity if it overflows."""
    total = 0

    def count(module: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal total
        if isinstance(output, Tensor) and not list(module.children()):
            total += ACTIVATION * output.numel()

    try:
        with torch.device("meta"), torch.no_grad():
            for network, inputs in footprint(config, examples):
                total += WEIGHT * sum(weight.numel() for weight in network.parameters())
                for module in network.modules():
                    module.register_forward_hook(count)
                network.eval()(*inputs)
    except (RuntimeError, OverflowError):  # more elements than an int64 counts
        return math.inf
    return total


def require_training(footprint: Footprint, config: Any, shares: int) -> None:
    """Check that networks and batches of `config`, computed in `shares`, fit into memory.

    Raises:
        MemoryTooSmall: they do not fit; the message has the estimate and the option whose default would save most.
    """
    needed = estimate(footprint, config, max(1, config.batch // shares))
    if needed <= available():
        return
    reduced = {}
    for field in dataclasses.fields(config):
        value, default = getattr(config, field.name), field.default
        if type(value) is int and isinstance(default, int) and value > default:
            less = dataclasses.replace(config, **{field.name: default})
            reduced[field.name] = estimate(footprint, less, max(1, less.batch // shares))
    name = min(reduced, key=lambda name: reduced[name], default="batch")
    remedy = f"lower {name.replace('_', '-')}, which is {getattr(config, name)}"
    require(needed, "networks and batches of these sizes", remedy)


def require(needed: float, what: str, remedy: str, on_gpu: bool = True) -> None:
    """Check that `needed` bytes fit into memory, of the GPU if there is one and `on_gpu`.

    Raises:
        MemoryTooSmall: they do not fit.
    """
    free = available(on_gpu)
    if needed > free:
        raise MemoryTooSmall(
            f"{what} take at least {_gigabytes(needed)} of memory, but only {_gigabytes(free)} are free; {remedy}"
        )


def available(on_gpu: bool = True) -> float:
    """Return the free bytes of the GPU, or all memory of the machine or its container."""
    if on_gpu and torch.cuda.is_available():
        return float(torch.cuda.mem_get_info()[0])
    limit = math.inf
    with suppress(OSError, ValueError):
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
    with suppress(AttributeError, ValueError, OSError):  # not on Windows
        limit = min(limit, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return limit


def _gigabytes(size: float) -> str:
    return f"{min(size, 2**63) / 1e9:,.1f} GB"  # an overflow is infinite, and at least 2**63
