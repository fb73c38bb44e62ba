"""One run: every part of every backend, and optionally the machine's limit."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pgbench import parity
from pgbench.cold_start import cold_start, has_cold_start, prepare
from pgbench.measuring import meters, statistics
from pgbench.measuring.environment import environment, load_average
from pgbench.measuring.load import Load
from pgbench.measuring.ratios import ratios
from pgbench.measuring.timing import ROUNDS, Target, Turn, measure
from pgbench.processes.backends import TORCH, Opened, names, runtime_backends
from pgbench.processes.client import BackendFailed, Process
from pgbench.roofline import Rates, limits, one_of_each, take_rates
from pgen.backends.cores import cores
from pgen.backends.registry import AUTO, device_of
from pgen.bundle.reader import EMBEDDED
from pgen.errors import DeviceUnavailable, RequestInvalid
from pokegan.errors import EXIT_CODE

SCHEMA = 3
"""Version of the JSON that a run writes; docs/pgbench.md lists its fields."""

WAITING: dict[str, dict[str, str]] = {"default": {}, "passive": {"OMP_WAIT_POLICY": "passive"}}
"""How threads of PyTorch on the CPU can wait for work: OpenMP's default, which spins for a while, or asleep."""

TRIAL = 0.5
"""Seconds that PyTorch draws for in each way of waiting, before the faster one is chosen."""

COMPARED = 8
"""Pictures of each backend that are compared."""

SHARED = ("post-processing", "PNG")
"""Parts that run the same code whatever the network runs on; they are measured in the first backend alone."""

PRECISIONS = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16", "int8": "int8"}
"""What ``--precision`` takes, and what manifests call it."""

Say = Callable[[str], None]
"""Receives status messages."""

Peaks = dict[str, list[dict[str, Any]]]
"""Peaks of memory by backend, one for each batch."""


TIME_LIMIT = "time limit"
"""What a result says ended its run at its time limit."""

SIGNALED = 128
"""What an exit code adds to the number of a signal."""


class TimeLimitReached(RequestInvalid):
    """The time limit has passed; the message is for runs in which no row was complete."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"time limit of {seconds:g} s: passed before a row was complete; allow more time")


ENDINGS = (KeyboardInterrupt, SystemExit, TimeLimitReached, BackendFailed)
"""What ends a run early; the rows that are complete are kept."""


@dataclass(frozen=True)
class Settings:
    """What to measure.

    Attributes:
        bundle: folder.
        batches: pictures at once, each measured by itself.
        model: name in the bundle; None for the one that draws from text.
        device: what pgen runs it on.
        precision: arithmetic that is expected, one of PRECISIONS; None takes the bundle's.
        threads: on the CPU; 0 means one a core.
        seconds: to measure each part of each backend at each batch.
        rounds: that the seconds are divided into.
        versus: further backends, see :func:`pgbench.processes.backends.names`; "all" takes all that work.
        cold: measure cold starts.
        limit: measure what the machine could do.
        time_limit: seconds after which a run ends with the rows that are complete; None for no limit.
    """

    bundle: Path = EMBEDDED
    batches: tuple[int, ...] = (64,)
    model: str | None = None
    device: str = "auto"
    precision: str | None = None
    threads: int = 0
    seconds: float = 3.0
    rounds: int = ROUNDS
    versus: str = ""
    cold: bool = False
    limit: bool = False
    time_limit: float | None = None


class Progress:
    """Reports which rows are measured and how long the rest takes, and ends a run at its time limit.

    The limit counts from when this object is made.
    """

    def __init__(self, settings: Settings, say: Say) -> None:
        self.say, self._batches, self._seconds = say, len(settings.batches), settings.time_limit
        self._started = self._first = time.monotonic()
        self._done = self._groups = 0
        self.load: Load | None = None

    def check(self) -> None:
        """Raise TimeLimitReached once the limit has passed."""
        if self._seconds is not None and time.monotonic() - self._started > self._seconds:
            raise TimeLimitReached(self._seconds)

    def begin(self, batch: int, part: str, parts: int) -> None:
        """Report that one of `parts` parts of a batch is measured from now on."""
        if self.load:
            self.load.sample()
        now = time.monotonic()
        if not self._groups:
            self._groups, self._first = parts * self._batches, now
        left = ""
        if self._done:
            seconds = round((now - self._first) / self._done * max(1, self._groups - self._done))
            left = f", about {seconds // 60}:{seconds % 60:02} left"
        self._done += 1
        self.say(f"batch {batch}: {part} ({self._done} of {self._groups}{left})")

    def watched(self, target: Target) -> Target:
        """Check the time limit before each turn of `target`."""

        def turn(seconds: float) -> Turn:
            self.check()
            return target(seconds)

        return turn


def silent(message: str) -> None:
    """Say nothing."""


def run(settings: Settings, say: Say = silent, progress: Say = silent) -> dict[str, Any]:
    """Measure, and return the result as JSON-ready values (schema SCHEMA).

    `progress` receives a line for each part that is measured, with the time left; `say` those before and after.

    A run that is interrupted, reaches its time limit, or loses a backend returns the rows that are complete, and what
    ended it. The time limit is checked between turns and before each backend, limit and cold start.

    Raises:
        PokeganError: the bundle or a backend that was chosen by name cannot be used, or no row was complete when a
            backend failed or the time limit passed.
        KeyboardInterrupt, SystemExit: the run was interrupted before a row was complete.
    """
    steps = Progress(settings, progress)
    threads = settings.threads or cores()
    opened = Opened(settings.bundle, settings.model, threads)
    before = environment()
    meter = meters.find()
    rows: list[dict[str, Any]] = []
    rates: Rates = {}
    cold = limit = ended_by = None
    with ExitStack() as stack:
        backends, unavailable = _start(stack, settings, opened, say, steps)
        subject = backends[0]
        parities = _compare(backends, say, steps)
        raters = _raters(stack, backends, opened) if settings.limit else []
        steps.load = Load([os.getpid(), *(process.pid for process in (*backends, *raters))])
        peaks: Peaks = {backend.name: [] for backend in backends}
        try:
            _measure(backends, raters, settings, meter, steps, rows, peaks, rates)
            if settings.limit:
                steps.check()
                limit = limits(backends, opened, rows, rates)
            if settings.cold:
                cold = _cold(backends, opened, say, steps)
        except ENDINGS as ending:
            if not rows:
                raise
            ended_by = _name(ending)
        others = steps.load.report()
    reported, withheld = ratios(rows, subject.name)
    return {
        "schema": SCHEMA,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": subject.facts["model"],
        "bundle": subject.facts["bundle"],
        "backend": subject.name,
        "threads": threads,
        "seconds": settings.seconds,
        "rounds": settings.rounds,
        "backends": {
            backend.name: backend.facts | {"parity": parities[backend.name], "peak_memory": peaks[backend.name]}
            for backend in backends
        },
        "unavailable": unavailable,
        "ended_by": ended_by,
        "cold_start": cold,
        "measurements": rows,
        "ratios": reported,
        "no_ratio": withheld,
        "limit": limit,
        "energy_missing": meter.missing,
        "environment": before | {"load_average_after": load_average(), "others": others},
    }


def _start(
    stack: ExitStack, settings: Settings, opened: Opened, say: Say, steps: Progress
) -> tuple[list[Process], dict[str, str]]:
    """Start the device's own backend and those to compare with; the second value says why others are unavailable."""
    say(f"starting {settings.device}")
    backends = [stack.enter_context(Process(settings.device, opened))]
    backends[0].name = named(settings.device, backends[0].facts["runs_on"])
    _check_precision(backends[0].facts["arithmetic"], settings)
    unavailable: dict[str, str] = {}
    by_name = [name.strip() for name in settings.versus.split(",")]
    for name in names(settings.versus):
        if name == backends[0].name:
            continue
        steps.check()
        say(f"starting {name}")
        try:
            backends.append(stack.enter_context(_fastest(name, opened, min(settings.batches))))
        except DeviceUnavailable as missing:
            if name in by_name:
                raise
            unavailable[name] = missing.message.removeprefix(f"{name}: ")
    return backends, unavailable


def _fastest(name: str, opened: Opened, batch: int) -> Process:
    """Start a backend; PyTorch on the CPU in the way of waiting that draws `batch` pictures of texts fastest.

    Raises:
        DeviceUnavailable: it cannot run here; the message says why.
    """
    if name not in TORCH or "cuda" in name:
        return Process(name, opened)
    with ExitStack() as trial, ThreadPoolExecutor() as pool:
        # Both at once: importing PyTorch takes seconds, on one core.
        opening = {way: pool.submit(Process, name, opened, variables) for way, variables in WAITING.items()}
        started = {way: trial.enter_context(process.result()) for way, process in opening.items()}
        targets = {way: process.target("end to end", batch, dict) for way, process in started.items()}
        medians = {way: float(np.median(one.medians())) for way, one in measure(targets, TRIAL, rounds=2).items()}
        trial.pop_all()
    best = min(medians, key=lambda way: medians[way])
    for way, process in started.items():
        if way != best:
            process.end()
    tried = {way: round(1e3 * seconds, 3) for way, seconds in medians.items()}
    started[best].facts |= {"waiting": best, "waiting_tried_ms": tried}
    return started[best]


def _check_precision(arithmetic: str, settings: Settings) -> None:
    if settings.precision and PRECISIONS[settings.precision] != arithmetic:
        raise RequestInvalid(
            f"precision {settings.precision}: {settings.bundle} computes in {arithmetic} on this device; export it "
            "again in that precision, or choose another device"
        )


def named(device: str, runs_on: list[str]) -> str:
    """Return the name of the backend for a device of pgen, whose session reports `runs_on`."""
    chosen = device_of(runs_on).name if device == AUTO else device
    return next(name for name, known in runtime_backends().items() if known == chosen)


def _compare(backends: Sequence[Process], say: Say, steps: Progress) -> dict[str, dict[str, Any]]:
    """Compare the outputs for the same inputs: embeddings of one backend, and texts with each backend's own encoder."""
    say("comparing pictures")
    reference = _reference(backends)
    inputs = backends[0].inputs(COMPARED)
    drawn = {}
    for backend in backends:
        steps.check()
        drawn[backend.name] = (backend.draw(inputs, COMPARED), backend.draw(None, COMPARED))
    generator, whole = drawn[reference.name]
    return {
        name: {
            "reference": reference.name,
            "generator": parity.compare(alone, generator),
            "end to end": parity.compare(from_text, whole),
        }
        for name, (alone, from_text) in drawn.items()
    }


def _reference(backends: Sequence[Process]) -> Process:
    """Choose the reference: PyTorch in float32, another backend in float32, or the first one."""
    exact = [backend for backend in backends if backend.facts["arithmetic"] == "float32"]
    return [*(backend for backend in exact if backend.name in TORCH), *exact, *backends][0]


def _raters(stack: ExitStack, backends: Sequence[Process], opened: Opened) -> list[Process]:
    """Start processes that measure the machine's rates: in the measured ones they would add to the peak memory."""
    return [stack.enter_context(Process(backend.name, opened)) for backend in one_of_each(backends)]


def _measure(
    backends: Sequence[Process],
    raters: Sequence[Process],
    settings: Settings,
    meter: meters.Meters,
    progress: Progress,
    rows: list[dict[str, Any]],
    peaks: Peaks,
    rates: Rates,
) -> None:
    """Add the rows and the peaks of memory of every batch.

    The machine's rates are measured before, between and after the batches, because it is not always equally busy.
    """
    for batch in sorted(settings.batches):
        _rate(rates, raters, settings, progress)
        _measure_batch(backends, batch, settings, meter, progress, rows)
        for backend in backends:
            held = {"process": backend.ask("memory"), "gpu": meters.gpu_memory(backend.pid)}
            peaks[backend.name].append({"batch": batch} | held)
    _rate(rates, raters, settings, progress)


def _name(ending: BaseException) -> str:
    if isinstance(ending, SystemExit) and isinstance(ending.code, int) and ending.code > SIGNALED:
        return signal.Signals(ending.code - SIGNALED).name
    if isinstance(ending, BackendFailed):
        return ending.message
    return TIME_LIMIT if isinstance(ending, TimeLimitReached) else signal.SIGINT.name


def exit_code(ended_by: str | None) -> int:
    """The exit code of a run: 128 and the signal's number, as in shells, or 2 where a backend failed; otherwise 0."""
    if ended_by in (None, TIME_LIMIT):
        return 0
    return SIGNALED + signal.Signals[ended_by] if ended_by in signal.Signals.__members__ else EXIT_CODE


def _rate(rates: Rates, raters: Sequence[Process], settings: Settings, progress: Progress) -> None:
    progress.check()
    if raters:
        progress.say("the machine's rates")
        take_rates(rates, raters, settings.seconds / 6)


def _measure_batch(
    backends: Sequence[Process],
    batch: int,
    settings: Settings,
    meter: meters.Meters,
    progress: Progress,
    measurements: list[dict[str, Any]],
) -> None:
    """Add the rows of one batch to `measurements`, part by part."""
    parts = {backend.name: backend.ask("parts", batch=batch) for backend in backends}
    for part in parts[backends[0].name]:
        progress.begin(batch, part, len(parts[backends[0].name]))
        asked = backends[:1] if part in SHARED else backends
        measurable = [backend for backend in asked if part in parts[backend.name]]
        targets = {backend.name: progress.watched(backend.target(part, batch, meter)) for backend in measurable}
        for name, measured in measure(targets, settings.seconds, settings.rounds).items():
            measurements.append({"batch": batch, "part": part, "backend": name} | statistics.summary(measured, batch))


def _cold(backends: Sequence[Process], opened: Opened, say: Say, steps: Progress) -> dict[str, Any]:
    timed = [backend.name for backend in backends if has_cold_start(backend.name)]
    times = {}
    steps.check()
    with TemporaryDirectory() as folder:
        if set(timed) & set(TORCH):
            prepare(Path(folder), opened)
        for name in timed:
            steps.check()
            say(f"cold start: {name}")
            times[name] = cold_start(name, opened, Path(folder))
    return times
