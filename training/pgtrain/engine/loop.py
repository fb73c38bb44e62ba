"""The one training loop: epochs, progress, grids, checkpoints and stopping, for any system."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from pgtrain.engine import checkpoint, distributed
from pgtrain.engine.checkpoint import Position
from pgtrain.engine.run import Run
from pgtrain.engine.system import Data, Metrics, System
from pgtrain.errors import Diverged, Interrupted


@contextmanager
def _stop_on_signal() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying, so that the step in hand can end."""
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Loop:
    """Trains `system` on `data` into `run`, from `position` on, a checkpoint every `minutes`.

    Of several processes all take every step, and the main one writes, draws and prints.
    """

    def __init__(
        self, system: System, data: Data, run: Run, *, seed: int, batch: int, minutes: float, position: Position
    ) -> None:
        self.system, self.data, self.run, self.position = system, data, run, position
        self.seed, self.batch, self.minutes = seed, batch, minutes
        self.saved = time.monotonic()

    def train(self, epochs: int) -> None:
        """Train until `epochs` are done in all.

        Raises:
            Interrupted: a signal came; the checkpoint was written first.
            Diverged: a loss is not finite; the last good checkpoint stays.
        """
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
        )
        main = distributed.is_main()
        writer = SummaryWriter(str(self.run.folder / "tensorboard")) if main else nullcontext()
        with _stop_on_signal() as received, Progress(*columns, disable=not main) as progress, writer as events:
            task = progress.add_task("", total=epochs, completed=self.position.epoch, losses="")
            while self.position.epoch < epochs:
                epoch = self.position.epoch
                phase = self.system.start_epoch(epoch)
                progress.update(task, description=phase)
                metrics = self._epoch(received)
                progress.update(task, advance=1, losses=_summary(metrics))
                with distributed.together(), self.run.writing():
                    if events:
                        self._record(epoch + 1, phase, metrics, events)
                self.position = Position(epoch + 1, 0, self.position.total)
                (due,) = distributed.any_of(self._due())
                if due:
                    self._save()
        self._save()

    def _record(self, epoch: int, phase: str, metrics: dict[str, float], events: SummaryWriter) -> None:
        self.run.log({"epoch": epoch, "phase": phase, **metrics})
        for name, value in metrics.items():
            events.add_scalar(name, value, epoch)
        self.system.progress().save(self.run.folder / "grids" / f"{epoch:05d}.png")

    def _epoch(self, received: list[int]) -> dict[str, float]:
        """Run the (rest of the) epoch; return mean losses and pictures a second."""
        self.system.networks.train()
        order = torch.Generator().manual_seed(self.seed * 1_000_003 + self.position.epoch)
        collected: list[Metrics] = []
        began, seen = time.monotonic(), 0
        for number, indices in enumerate(self.data.batches(self.batch, order)):
            if number < self.position.step:
                continue  # done before an interruption
            collected.append(self.system.train_step(self.data, indices, self.position.total))
            seen += len(indices)
            self.position = Position(self.position.epoch, number + 1, self.position.total + 1)
            stop, due = distributed.any_of(bool(received), self._due())
            if stop or due:
                self._save()
            if stop:
                raise Interrupted(self.run.folder)
        means = _means(collected)
        self._check(means)
        return means | {"pictures_per_second": round(seen / (time.monotonic() - began), 2)}

    def _check(self, means: dict[str, float]) -> None:
        for name, value in means.items():
            if not math.isfinite(value):
                epoch, step = self.position.epoch + 1, self.position.total
                raise Diverged(
                    f"the {name} loss became {value} in epoch {epoch} (by step {step}); "
                    "the last checkpoint is kept: try a lower learning rate or fp32 precision"
                )

    def _due(self) -> bool:
        return time.monotonic() - self.saved > 60 * self.minutes

    def _save(self) -> None:
        with distributed.together():
            if distributed.is_main():
                checkpoint.save(self.run.checkpoint, self.system, self.position)
        self.saved = time.monotonic()


def _means(collected: list[Metrics]) -> dict[str, float]:
    names = dict.fromkeys(name for metrics in collected for name in metrics)
    values = {name: [metrics[name] for metrics in collected if name in metrics] for name in names}
    if not values:
        return {}
    means = distributed.mean(torch.stack([torch.stack(each).float().mean() for each in values.values()]))
    return {name: round(mean, 5) for name, mean in zip(values, means.tolist(), strict=True)}


def _summary(metrics: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.3f}" for name, value in metrics.items())
