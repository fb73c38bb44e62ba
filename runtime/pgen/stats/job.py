"""What ``pgen stats`` does, from Python: rows to a file or a stream."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pgen.errors import OutputInvalid
from pgen.images.naming import check_file, check_place, writing
from pgen.stats.draw import stream
from pgen.stats.formats import EXTENSIONS, FORMATS, write_rows
from pgen.stats.rows import Asked, Rows

if TYPE_CHECKING:
    from pgen.api import Generator

Step = Callable[..., None]


def write_stats(
    generator: "Generator",
    out: Path | BinaryIO,
    n: int,
    seed: int = 0,
    asked: Asked | None = None,
    format: str | None = None,
    step: Step = lambda steps: None,
) -> None:
    """Write `n` rows to a file, which is there whole or not at all, or to an open stream; memory stays flat.

    Args:
        generator: of the bundle that draws.
        out: the file or stream.
        n: how many rows.
        seed: of the first row; the next add 1.
        asked: what every row must have.
        format: one of FORMATS; None takes it from the file's extension, and a table for a stream.
        step: called with the number of rows that were drawn, after each block of them.

    Raises:
        OutputInvalid: `out` cannot be written, or tells no format.
        PokeganError: see :func:`pgen.stats.draw.stream`; nothing is written.
    """
    format = format_for(out, format)
    counted = _counted(stream(generator, n, seed, asked), step)
    if isinstance(out, Path):
        with writing(out) as file:
            write_rows(counted, format, file)
    else:
        write_rows(counted, format, out)


def format_for(out: Path | BinaryIO, format: str | None) -> str:
    """Choose the format, and check the place where it is a file.

    Raises:
        OutputInvalid: `out` cannot be written, or tells no format.
    """
    if format is not None and format not in FORMATS:
        raise OutputInvalid(f"format {format[:40]!r}: choose {', '.join(FORMATS)}")
    if not isinstance(out, Path):
        return format or "table"
    if format is None:
        return EXTENSIONS[check_file(out, EXTENSIONS)]
    check_place(out)
    return format


def _counted(parts: Iterable[Rows], step: Step) -> Iterator[Rows]:
    for rows in parts:
        yield rows
        step(len(rows))
