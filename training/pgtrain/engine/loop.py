"""The training loop of every system: epochs, progress, grids, checkpoints and interruption."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

import torch
from torch.utils.tensorboard import SummaryWriter

from pgtrain.engine import checkpoint, distributed
from pgtrain.engine.checkpoint import Position
from pgtrain.engine.display import RATE, Display
from pgtrain.engine.run import Run
from pgtrain.engine.system import Data, Metrics, System
from pgtrain.errors import Diverged, Interrupted
from pokegan.signals import NAMES, handling, not_ignored

RUNAWAY = 1e4
"""Mean loss above which a warning is printed; losses of healthy trainings are far below 100."""


@contextmanager
def _stop_on_signal(display: Display) -> Iterator[list[int]]:
    """Collect SIGINT, SIGTERM and SIGHUP so that the current step can finish; a second Ctrl-C interrupts at once."""
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        display.say_in_handler("stopping after the current step and a checkpoint (Ctrl-C: stop now)")

    with handling(remember, [signal.SIGINT, *not_ignored(NAMES)]):
        yield received


class Loop:
    """Trains `system` on `data` into `run`, from `position`; every `minutes` a checkpoint, the last `keep` are kept.

    All processes take every step; the main one writes, draws and prints.
    """

    def __init__(
        self,
        system: System,
        data: Data,
        run: Run,
        *,
        seed: int,
        batch: int,
        minutes: float,
        position: Position,
        keep: int = 1,
    ) -> None:
        self.system, self.data, self.run, self.position = system, data, run, position
        self.seed, self.batch, self.minutes, self.keep = seed, batch, minutes, keep
        self.saved, self.written = time.monotonic(), False
        self.warned: set[str] = set()

    def train(self, epochs: int) -> None:
        """Train until `epochs` are done in total. The results of an epoch are saved before they are shown.

        Raises:
            Interrupted: a signal arrived; the checkpoint was written first.
            Diverged: a loss or a weight is not finite; the last good checkpoint stays.
        """
        main = distributed.is_main()
        events_folder = str(self.run.folder / "tensorboard")
        with distributed.fail_together(), self.run.writing():
            # With purge_step, TensorBoard drops the events of epochs that are repeated after an interruption.
            writer = SummaryWriter(events_folder, purge_step=self.position.epoch + 1) if main else nullcontext()
        display = Display(epochs, self.position.epoch + self._share_done(), shown=main)
        with _stop_on_signal(display) as received, display, writer as events:
            while self.position.epoch < epochs:
                epoch = self.position.epoch
                phase = self.system.start_epoch(epoch)
                display.update(description=phase)
                metrics = self._epoch(received, display)
                with distributed.fail_together(), self.run.writing():
                    if events:
                        self._record(epoch + 1, phase, metrics, events)
                self.position = Position(epoch + 1, 0, self.position.total)
                (due,) = distributed.any_of(self._due())
                if due or epoch + 1 == epochs:
                    self._save()
                display.epoch(epoch + 1, phase, metrics)
                self._warn_of_runaway(metrics, display)
            if not self.written:
                self._save()

    def _share_done(self) -> float:
        """The share of the current epoch that an interrupted process completed."""
        return self.position.step and self.position.step / len(list(self.data.batches(self.batch, torch.Generator())))

    def _record(self, epoch: int, phase: str, metrics: dict[str, float], events: SummaryWriter) -> None:
        self.run.log({"epoch": epoch, "phase": phase, **metrics})
        for name, value in metrics.items():
            events.add_scalar(name, value, epoch)
        self.run.write_picture(f"grids/{epoch:05d}.png", self.system.progress())

    def _epoch(self, received: list[int], display: Display) -> dict[str, float]:
        """Run the (rest of the) epoch; return mean losses and pictures per second."""
        self.system.networks.train()
        order = torch.Generator().manual_seed(self.seed * 1_000_003 + self.position.epoch)
        collected: list[Metrics] = []
        began, seen = time.monotonic(), 0
        batches = list(self.data.batches(self.batch, order))
        for number, indices in enumerate(batches):
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
            display.update(completed=self.position.epoch + (number + 1) / len(batches))
        means = _means(collected)
        for name, value in means.items():
            if not math.isfinite(value):
                raise self._diverged(f"the {name} loss became {value}")
        return means | {RATE: round(seen / (time.monotonic() - began), 2)}

    def _diverged(self, what: str) -> Diverged:
        kept = self.run.checkpoint.is_file()
        remedy = "the last good checkpoint is kept: resume" if kept else "no checkpoint was written: start again"
        return Diverged(
            f"{what} in epoch {self.position.epoch + bool(self.position.step)} (by step {self.position.total}); "
            f"{remedy} with a lower learning rate or fp32 precision"
        )

    def _warn_of_runaway(self, means: dict[str, float], display: Display) -> None:
        """Warn once of each loss that is far too large, though finite."""
        for name, value in means.items():
            if name != RATE and abs(value) > RUNAWAY and name not in self.warned:
                self.warned.add(name)
                display.say(
                    f"Warning: the {name} loss is {value:.3g} in epoch {self.position.epoch}: the training diverges; "
                    "stop it, and resume or start again with a lower learning rate"
                )

    def _due(self) -> bool:
        return time.monotonic() - self.saved > 60 * self.minutes

    def _save(self) -> None:
        with distributed.fail_together():
            if distributed.is_main():
                if name := checkpoint.not_finite(self.system):
                    raise self._diverged(f"{name} became infinite or NaN")
                checkpoint.save(self.run.checkpoint, self.system, self.position, self.keep)
        self.saved, self.written = time.monotonic(), True


def _means(collected: list[Metrics]) -> dict[str, float]:
    names = dict.fromkeys(name for metrics in collected for name in metrics)
    values = {name: [metrics[name] for metrics in collected if name in metrics] for name in names}
    if not values:
        return {}
    means = distributed.mean(torch.stack([torch.stack(losses).float().mean() for losses in values.values()]))
    return {name: round(mean, 5) for name, mean in zip(values, means.tolist(), strict=True)}
