"""How a command ends on SIGTERM."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def leaving_on_sigterm() -> Iterator[None]:
    """Leave by SystemExit on SIGTERM, with the code that a shell gives: what is half done is removed or rounded off."""
    if threading.current_thread() is not threading.main_thread():  # only there can signals be taken
        yield
        return

    def leave(*_: object) -> None:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
