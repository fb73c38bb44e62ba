"""One thing that was looked at."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from pokegan.errors import PokeganError, one_line

State = Literal["ok", "note", "wrong"]
"""ok: as it should be. note: not there, and not needed. wrong: installed or asked for, and does not work."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do; `remedy` is empty where nothing is to be done."""

    topic: str
    name: str
    state: State
    description: str
    remedy: str = ""


def is_frozen() -> bool:
    """Whether this is a program of PyInstaller or the like, into which nothing can be installed."""
    return bool(getattr(sys, "frozen", False))


def without_pip(finding: Finding) -> Finding:
    """Replace a remedy that a frozen program cannot follow."""
    if not re.search(r"pip install|pokegan\[", finding.remedy) or not is_frozen():
        return finding
    return replace(finding, remedy="not in this program; whoever built it can add it, or install pokegan beside it")


def split(error: BaseException) -> tuple[str, str]:
    """Split an error into what is wrong and the remedy, which messages of this project end with."""
    message = one_line(error, 300)
    if not isinstance(error, PokeganError) or "; " not in message:
        return message, ""
    problem, _, remedy = message.rpartition("; ")
    return problem, re.sub(r"^(install|upgrade)( it)? with: ", "", remedy)


def guarded(topic: str, name: str, look: Callable[[], Finding]) -> Finding:
    """Run a check; an error in it becomes a finding."""
    try:
        return look()
    except Exception as error:  # a broken installation raises anything
        problem, remedy = split(error)
        return Finding(topic, name, "wrong", problem, remedy or f"install {name} again")
