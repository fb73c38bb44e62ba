"""The processes of one training, started by `torchrun` or `accelerate launch`; one process without a launcher.

Each holds the same networks, optimizers and random states and computes some rows of every batch. Flags, values and
errors are exchanged through a separate group on the CPU, with a timeout of hours.
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

from pgtrain.errors import ReportedByMain, RunInvalid
from pokegan.errors import EXIT_CODE, PokeganError

TIMEOUT = timedelta(hours=6)
"""Timeout for processes that wait until another has downloaded or embedded the data."""

Value = TypeVar("Value")


def start() -> None:
    """Join the other processes, if a launcher started several."""
    PartialState(cpu=not torch.cuda.is_available())


def count() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_main() -> bool:
    """Whether this is the process that writes files and prints."""
    return rank() == 0


@cache
def _cpu_group() -> Any:
    return dist.new_group(backend="gloo", timeout=TIMEOUT)


def any_of(*flags: bool) -> list[bool]:
    """Whether each flag is set in any process."""
    if count() == 1:
        return list(flags)
    union = torch.tensor(flags, dtype=torch.int32)
    dist.all_reduce(union, dist.ReduceOp.MAX, group=_cpu_group())
    return union.bool().tolist()


def from_main(value: Value) -> Value:
    """Return the main process's value."""
    if count() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values, src=0, group=_cpu_group())
    return values[0]


@contextmanager
def fail_together() -> Iterator[None]:
    """Fail in every process if the block fails in one, so that none waits forever for another.

    Raises:
        PokeganError: the block's own error, or one with the message of another process.
    """
    failure = None
    try:
        yield
    except PokeganError as error:
        failure = error
    messages: list[str | None] = [None] * count()
    if count() > 1:
        dist.all_gather_object(messages, failure.message if failure else None, group=_cpu_group())
    if failure:
        raise failure
    for message in messages:
        if message is not None:
            raise RunInvalid(message)


@contextmanager
def report_on_main() -> Iterator[None]:
    """Let only the main process report an error that the block raises in every process.

    Raises:
        ReportedByMain: in the other processes; nothing is printed.
    """
    try:
        yield
    except PokeganError as error:
        if is_main():
            raise
        time.sleep(1)  # launchers end all processes when one ends; the main one needs time to print
        raise ReportedByMain(getattr(error, "exit_code", EXIT_CODE)) from error


@contextmanager
def local_main_first() -> Iterator[None]:
    """Run the block in one process of every machine before the others, which read the caches that it fills."""
    first = count() == 1 or os.environ.get("LOCAL_RANK", "0") == "0"
    if not first:
        dist.barrier(group=_cpu_group())
    try:
        yield
    finally:
        if first and count() > 1:
            dist.barrier(group=_cpu_group())


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


def own_rows(rows: Tensor) -> Tensor:
    """Return this process's share of rows (N, ...) that all processes have: (N / processes, ...)."""
    return rows.chunk(count())[rank()]


def rolled(rows: Tensor) -> Tensor:
    """Roll the rows of the batch of all processes by one; takes and returns this process's share (N, ...)."""
    if count() == 1:
        return rows.roll(1, 0)
    last = [torch.empty_like(rows[-1:]) for _ in range(count())]
    dist.all_gather(last, rows[-1:].contiguous())
    return torch.cat([last[rank() - 1], rows[:-1]])
