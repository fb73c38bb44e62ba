"""One thing that was looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pokegan.errors import PokeganError

State = Literal["ok", "note", "wrong"]
"""ok: as it should be. note: not there, and not needed. wrong: installed or asked for, and does not work."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do; `mend` is empty where nothing is to be done."""

    topic: str
    name: str
    state: State
    found: str
    mend: str = ""


def one_line(error: BaseException) -> str:
    """Tell an error in one line of at most 300 characters."""
    told = " ".join(str(getattr(error, "message", None) or error).split())
    return (told or type(error).__name__)[:300]


def split(error: BaseException) -> tuple[str, str]:
    """Split an error into what is wrong and the mend, which our own messages end with."""
    told = one_line(error)
    if not isinstance(error, PokeganError) or "; " not in told:
        return told, ""
    found, _, mend = told.rpartition("; ")
    return found, mend.removeprefix("mend it with: ")


def guarded(topic: str, name: str, look: Callable[[], Finding]) -> Finding:
    """Look, and make a finding of whatever goes wrong in it."""
    try:
        return look()
    except Exception as error:  # a broken installation raises anything
        found, mend = split(error)
        return Finding(topic, name, "wrong", found, mend or f"install {name} again")
