"""Signal handlers, and the end of a command on SIGTERM and SIGHUP."""

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

NAMES = ("SIGTERM", "SIGHUP")
"""Signals that ask a command to end; Windows has no SIGHUP, which closing a terminal sends."""


@contextmanager
def handling(handler: Callable[[int, FrameType | None], None], numbers: Iterable[int]) -> Iterator[None]:
    """Call `handler` on the signals `numbers` while the block lasts; only the main thread can handle signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def not_ignored(names: Iterable[str]) -> list[int]:
    """List the signals `names` that this platform has and that are not ignored, as SIGHUP is under nohup."""
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]


def leaving_on_signals() -> AbstractContextManager[None]:
    """Raise SystemExit on a signal of NAMES, with the exit code of a shell, so that unfinished files are removed."""

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    return handling(leave, not_ignored(NAMES))
