"""The load by other processes during a run, on Linux; nothing on other systems."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

PROC = Path("/proc")

SHOWN = 5
"""Busiest programs that are named."""

WORTH_NAMING = 0.02
"""Least share of all processors that a program is named from."""

HYPERVISOR = "other virtual machines"
"""What the processors' stolen time is called."""


class Load:
    """The load by other processes from the creation of this object to its :meth:`report`.

    Processes that end between two samples lose what they used since the last one: sample now and then.

    Args:
        own: numbers of the processes that are left out.
        proc: where Linux shows its processes.
    """

    def __init__(self, own: Collection[int], proc: Path = PROC) -> None:
        self._own, self._proc = own, proc
        self._used: dict[str, float] = {}
        self._before = _processors(proc)
        self._last = self._processes()

    def sample(self) -> None:
        """Add what each process used since the last sample to its program's seconds."""
        now = self._processes()
        for process, (program, seconds) in now.items():
            since = seconds - self._last.get(process, ("", 0.0))[1]
            self._used[program] = self._used.get(program, 0.0) + since
        self._last = now

    def report(self) -> list[dict[str, Any]]:
        """Name the busiest other programs since the beginning, and their `share` of all processors' time."""
        now = _processors(self._proc)
        if self._before is None or now is None or sum(now) == sum(self._before):
            return []
        self.sample()
        passed = sum(now) - sum(self._before)
        used = {HYPERVISOR: now[7] - self._before[7]} | self._used
        busiest = sorted(used.items(), key=lambda item: -item[1])[:SHOWN]
        shares = [(program, round(seconds / passed, 3)) for program, seconds in busiest]
        return [{"program": program, "share": share} for program, share in shares if share >= WORTH_NAMING]

    def _processes(self) -> dict[tuple[int, int], tuple[str, float]]:
        """Read program and processor seconds of each process, by its number and the time at which it started."""
        processes = {}
        for folder in self._proc.glob("[0-9]*"):
            if int(folder.name) not in self._own and (read := _process(folder)):
                started, program, seconds = read
                processes[int(folder.name), started] = (program, seconds)
        return processes


def _processors(proc: Path) -> list[float] | None:
    """Read the seconds of user, nice, system, idle, iowait, irq, softirq and steal, of all processors together."""
    try:
        first = (proc / "stat").read_text().split("\n", 1)[0]
    except OSError:
        return None
    return [int(ticks) / _ticks() for ticks in first.split()[1:9]]


def _process(folder: Path) -> tuple[int, str, float] | None:
    """Read when a process started, in ticks, its program, and its processor seconds."""
    try:
        name, _, rest = (folder / "stat").read_text(errors="replace").partition("(")[2].rpartition(")")
    except OSError:
        return None
    fields = rest.split()
    if name.startswith("kworker/"):  # the kernel names these threads by what they do at the moment
        name = "kworker"
    return int(fields[19]), name, (int(fields[11]) + int(fields[12])) / _ticks()


def _ticks() -> int:
    return os.sysconf("SC_CLK_TCK")
