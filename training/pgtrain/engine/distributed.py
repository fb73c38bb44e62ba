"""The processes of one training, as `torchrun` or `accelerate launch` started them; one process without a launcher.

Each holds the same networks, optimizers and random streams and computes some rows of every batch. Processes agree
through a group of their own on the CPU, so that agreeing waits for no accelerator and may wait for hours.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from accelerate import PartialState
from torch import Tensor

from pgtrain.errors import Elsewhere, RunInvalid
from pokegan.errors import EXIT_CODE, PokeganError

PATIENCE = timedelta(hours=6)
"""How long processes wait for one that downloads or embeds the data."""

Value = TypeVar("Value")


def start() -> None:
    """Join the other processes, if a launcher started several."""
    PartialState(cpu=not torch.cuda.is_available())


def count() -> int:
    """Count the processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_main() -> bool:
    """Whether this process is the one that writes files and prints."""
    return rank() == 0


@cache
def _agreeing() -> Any:
    return dist.new_group(backend="gloo", timeout=PATIENCE)


def any_of(*flags: bool) -> list[bool]:
    """Combine flags: whether each is set in any process."""
    if count() == 1:
        return list(flags)
    union = torch.tensor(flags, dtype=torch.int32)
    dist.all_reduce(union, dist.ReduceOp.MAX, group=_agreeing())
    return union.bool().tolist()


def from_main(value: Value) -> Value:
    """Take over the main process's value."""
    if count() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values, src=0, group=_agreeing())
    return values[0]


@contextmanager
def together() -> Iterator[None]:
    """Fail in every process if the block fails in one, so that none waits forever for another.

    Raises:
        PokeganError: the block's own, or what another process said.
    """
    failed = None
    try:
        yield
    except PokeganError as error:
        failed = error
    messages = [failed.message if failed else None]
    if count() > 1:
        messages = [None] * count()
        dist.all_gather_object(messages, failed.message if failed else None, group=_agreeing())
    if failed:
        raise failed
    for message in messages:
        if message is not None:
            raise RunInvalid(message)


@contextmanager
def main_speaks() -> Iterator[None]:
    """Let only the main process report an error that the block raises in every process.

    Raises:
        Elsewhere: in the other processes; it prints nothing.
    """
    try:
        yield
    except PokeganError as error:
        if is_main():
            raise
        time.sleep(1)  # launchers end all processes when one ends: leave the main one time to print
        raise Elsewhere(getattr(error, "exit_code", EXIT_CODE)) from error


@contextmanager
def first_of_machine() -> Iterator[None]:
    """Let one process of every machine run the block before the others: it fills the caches that they read."""
    first = count() == 1 or os.environ.get("LOCAL_RANK", "0") == "0"
    if not first:
        dist.barrier(group=_agreeing())
    try:
        yield
    finally:
        if first and count() > 1:
            dist.barrier(group=_agreeing())


def mean(values: Tensor) -> Tensor:
    """Average a tensor of any shape over the processes; gradients flow through."""
    if count() == 1:
        return values
    summed: Tensor = _Sum.apply(values)
    return summed / count()


class _Sum(torch.autograd.Function):
    """Sum over processes. Each process's result depends on every process's values, so gradients are summed too."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        summed = values.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        summed: Tensor = _Sum.apply(gradient)
        return summed


def mine(rows: Tensor) -> Tensor:
    """Take this process's share of rows (N, ...) that all processes have: (N / processes, ...)."""
    return rows.chunk(count())[rank()]


def rolled(rows: Tensor) -> Tensor:
    """Move rows (N, ...) of the batch of all processes on by one place; each process gives and gets its share."""
    if count() == 1:
        return rows.roll(1, 0)
    last = [torch.empty_like(rows[-1:]) for _ in range(count())]
    dist.all_gather(last, rows[-1:].contiguous())
    return torch.cat([last[rank() - 1], rows[:-1]])
