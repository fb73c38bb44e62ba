"""How a command ends on SIGTERM and SIGHUP."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("SIGTERM", "SIGHUP")
"""Signals that ask a command to end; Windows has no SIGHUP, which closing a terminal sends."""


@contextmanager
def leaving_on_signals() -> Iterator[None]:
    """Leave by SystemExit on a signal of NAMES, with the code that a shell gives: what is half done is removed.

    A signal that is ignored stays so, as under nohup.
    """
    if threading.current_thread() is not threading.main_thread():  # only there can signals be taken
        yield
        return

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    handled = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, leave) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
