"""Standard streams on which printing never fails, whatever their target and encoding."""

import os
import sys


def prepare_streams() -> None:
    r"""Let stdout and stderr take every character, and give a closed stderr a place to write to.

    A character that the encoding lacks is escaped (``\xe9``). Descriptors that are closed are occupied, or else the
    first file that is opened would become stderr, and what a library prints would go into it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor
    if sys.stderr is None:  # also in pythonw
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 (pathlib is slow to import)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a replacement, as in notebooks, takes any text
            stream.reconfigure(errors="backslashreplace")
