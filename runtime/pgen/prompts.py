"""Prompts: their checks, and how they are read from arguments, files and standard input."""

import sys
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from pgen.errors import NoPrompt, PromptInvalid, StdinClosed
from pokegan.files import is_stream

MAX_PROMPT = 1000
"""Characters; the encoder reads 64 tokens, so a longer prompt would make no difference."""

STDIN = "-"

MAX_LINE = 2**16
"""Bytes read at once: a longer line cannot be a prompt, and might not fit into memory."""


def check_prompt(prompt: str) -> str:
    """Strip a prompt and return it.

    Raises:
        PromptInvalid: it is blank, longer than MAX_PROMPT, or has control characters.
    """
    if not isinstance(prompt, str):
        raise PromptInvalid(f"prompt {prompt!r}: must be text")
    stripped = prompt.strip()
    if not stripped:
        raise PromptInvalid('the prompt is empty; write a name or a sentence, such as "Charizard"')
    if len(stripped) > MAX_PROMPT:
        raise PromptInvalid(f"the prompt has {len(stripped):,} characters; the maximum is {MAX_PROMPT:,}")
    for position, character in enumerate(stripped, 1):
        if unicodedata.category(character) == "Cs":  # a lone surrogate, which a shell makes of such bytes
            raise PromptInvalid(f"the prompt is not UTF-8 at character {position}; retype it, or fix the locale")
        if unicodedata.category(character) == "Cc":
            raise PromptInvalid(f"the prompt has a control character (U+{ord(character):04X}) at {position}; remove it")
    return stripped


def read_prompts(prompts: Iterable[str] = (), file: Path | None = None) -> tuple[Iterator[str], int | None]:
    """Read prompts as they are needed, `prompts` first, then the lines of `file`; blank lines are skipped.

    "-" among `prompts`, or as `file`, is standard input.

    Returns:
        The checked prompts, and their number; None where the number is known only at the end, because prompts come
        from standard input or a pipe.

    Raises:
        PromptInvalid: a prompt is invalid, or `file` cannot be read. Prompts from standard input and pipes are
            checked as they arrive, all others at once.
    """
    sources: list[str | Path] = [*prompts, *([] if file is None else [file])]
    if not sources:
        raise NoPrompt("no prompt is given")
    counts = [_count(source) for source in sources]
    total = None if None in counts else sum(count or 0 for count in counts)
    if total == 0:
        raise PromptInvalid(f"{file}: contains no prompt; write one a line")
    read = chain.from_iterable(_read(source) for source in sources)
    name = "stdin" if file is None or str(file) == STDIN else str(file)
    return (_not_empty(read, name) if total is None else read), total


def _not_empty(prompts: Iterator[str], name: str) -> Iterator[str]:
    """Yield prompts of the stream `name`.

    Raises:
        PromptInvalid: there is none.
    """
    first = next(prompts, None)
    if first is None:
        raise PromptInvalid(f"{name}: contains no prompt; write one a line")
    yield first
    yield from prompts


def _count(source: str | Path) -> int | None:
    if str(source) == STDIN or (isinstance(source, Path) and is_stream(source)):
        return None
    return sum(1 for _ in _read(source))


def _read(source: str | Path) -> Iterator[str]:
    if str(source) == STDIN:
        yield from _checked(_stdin(), "stdin")
    elif isinstance(source, Path):
        try:
            with source.open("rb") as file:
                yield from _checked(file, str(source))
        except OSError as error:
            raise PromptInvalid(f"{source}: cannot be read ({error.strerror}); name a text file of prompts") from error
    else:
        yield check_prompt(source)


def _stdin() -> BinaryIO:
    """Open standard input a second time: a thread that waits in sys.stdin makes Python abort at exit."""
    if sys.stdin is None:
        raise StdinClosed("stdin is closed")
    try:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    except (OSError, ValueError):  # a replacement, as in tests and notebooks
        return sys.stdin.buffer


def _checked(lines: BinaryIO, name: str) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE), b""), 1):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape")
        if text.strip():
            try:
                yield check_prompt(text)
            except PromptInvalid as error:
                raise PromptInvalid(f"{name}, line {number}: {error.message}") from error
