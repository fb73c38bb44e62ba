"""The result of one check."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from pokegan.errors import PokeganError, one_line

State = Literal["ok", "note", "wrong"]
"""ok: works. note: not available, and not required. wrong: installed or required, and does not work."""


@dataclass(frozen=True)
class Finding:
    """The result of a check; `remedy` is empty if there is nothing to do."""

    topic: str
    name: str
    state: State
    description: str
    remedy: str = ""


def is_frozen() -> bool:
    """Return whether this is a frozen program, as by PyInstaller, into which nothing can be installed."""
    return bool(getattr(sys, "frozen", False))


def without_pip(finding: Finding) -> Finding:
    """Replace a remedy that a frozen program cannot follow."""
    if not re.search(r"pip install|pokegan\[", finding.remedy) or not is_frozen():
        return finding
    return replace(finding, remedy="not part of this program; install pokegan beside it, or build it with the package")


def split(error: BaseException) -> tuple[str, str]:
    """Split an error into the problem and the remedy, with which the messages of this project end."""
    message = one_line(error, 300)
    if not isinstance(error, PokeganError) or "; " not in message:
        return message, ""
    problem, _, remedy = message.rpartition("; ")
    return problem, re.sub(r"^(install|upgrade)( it)? with: ", "", remedy)


def guarded(topic: str, name: str, look: Callable[[], Finding]) -> Finding:
    """Run the check `look`; an error becomes a finding."""
    try:
        return look()
    except Exception as error:  # a broken installation raises anything
        problem, remedy = split(error)
        return Finding(topic, name, "wrong", problem, remedy or f"install {name} again")
