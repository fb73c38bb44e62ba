"""Prompts from the command line, from files and from standard input."""

import os
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from pgen.errors import PromptInvalid
from pgen.text_encoder import check_prompt

STDIN = "-"

MAX_LINE = 2**16
"""Bytes that are read at once: a longer line is no prompt, and might not fit into memory."""


def read_prompts(prompts: Iterable[str] = (), file: Path | None = None) -> tuple[Iterator[str], int | None]:
    """Read prompts as they are needed, those of `file` after the others; a file has one a line, blank ones skipped.

    "-" among `prompts`, or as `file`, is standard input.

    Returns:
        The checked prompts, and how many there are; None where that is known only at the end, because they come
        from standard input or a pipe.

    Raises:
        PromptInvalid: one of them cannot be used, or `file` cannot be read. Prompts of standard input and pipes
            are checked when they come, all others at once.
    """
    places: list[str | Path] = [*prompts, *([] if file is None else [file])]
    if not places:
        raise PromptInvalid('no PROMPT; write a name or a sentence, such as "Charizard", or --file FILE')
    counts = [_count(place) for place in places]
    total = None if None in counts else sum(count or 0 for count in counts)
    if total == 0:
        raise PromptInvalid(f"{file}: holds no prompt; write one a line")
    return chain.from_iterable(_read(place) for place in places), total


def _count(place: str | Path) -> int | None:
    if str(place) == STDIN or (isinstance(place, Path) and _comes_once(place)):
        return None
    return sum(1 for _ in _read(place))


def _comes_once(path: Path) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)  # noqa: PTH110, PTH113 (pathlib's raise for long names)


def _read(place: str | Path) -> Iterator[str]:
    if str(place) == STDIN:
        yield from _checked(_stdin(), "stdin")
    elif isinstance(place, Path):
        try:
            with place.open("rb") as file:
                yield from _checked(file, str(place))
        except OSError as error:
            raise PromptInvalid(f"{place}: cannot be read ({error.strerror}); name a text file of prompts") from error
    else:
        yield check_prompt(place)


def _stdin() -> BinaryIO:
    """Open standard input a second time: a thread that waits in sys.stdin makes Python abort when it ends."""
    if sys.stdin is None:
        raise PromptInvalid("stdin: is closed; pipe prompts into it, or name a file with --file")
    try:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    except (OSError, ValueError):  # a stand-in, as in tests and notebooks
        return sys.stdin.buffer


def _checked(lines: BinaryIO, name: str) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE), b""), 1):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape")
        if text.strip():
            try:
                yield check_prompt(text)
            except PromptInvalid as error:
                raise PromptInvalid(f"{name}, line {number}: {error.message}") from error
