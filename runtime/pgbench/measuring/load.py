"""The load by other processes during a run, as Linux counts it; nothing on other systems."""

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROC = Path("/proc")

SHOWN = 5
"""Busiest programs that are named."""

WORTH_NAMING = 0.02
"""Least share of all processors that a program is named from."""

HYPERVISOR = "other virtual machines"
"""What the processors' stolen time is called."""


@dataclass
class Load:
    """The load by other processes from the making of this object to its :meth:`report`.

    `own` are the numbers of the processes that are left out.
    """

    own: Collection[int]
    proc: Path = PROC
    _before: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        self._before = self._by_program()

    def report(self) -> list[dict[str, Any]]:
        """Name the busiest other programs since the beginning, and their `share` of all processors' time."""
        now = self._by_program()
        passed = now.get("", 0) - self._before.get("", 0)
        taken = {name: now[name] - self._before.get(name, 0) for name in now if name}
        shares = {name: round(seconds / passed, 3) for name, seconds in taken.items()} if passed else {}
        busiest = sorted(shares.items(), key=lambda item: -item[1])[:SHOWN]
        return [{"program": name, "share": share} for name, share in busiest if share >= WORTH_NAMING]

    def _by_program(self) -> dict[str, float]:
        """Add up processor seconds by program; under "" those that passed on all processors."""
        counted = _processors(self.proc)
        if not counted:
            return {}
        seconds = {"": sum(counted), HYPERVISOR: counted[7]}
        for folder in self.proc.glob("[0-9]*"):
            if int(folder.name) not in self.own and (read := _process(folder)):
                seconds[read[0]] = seconds.get(read[0], 0) + read[1]
        return seconds


def _processors(proc: Path) -> list[float] | None:
    """Read the seconds of user, nice, system, idle, iowait, irq, softirq and steal, of all processors together."""
    try:
        first = (proc / "stat").read_text().split("\n", 1)[0]
    except OSError:
        return None
    return [int(ticks) / _ticks() for ticks in first.split()[1:9]]


def _process(folder: Path) -> tuple[str, float] | None:
    """Read the program that a process runs, and its processor seconds."""
    try:
        name, _, rest = (folder / "stat").read_text(errors="replace").partition("(")[2].rpartition(")")
    except OSError:
        return None
    user, system = rest.split()[11:13]
    return name, (int(user) + int(system)) / _ticks()


def _ticks() -> int:
    return os.sysconf("SC_CLK_TCK")
