"""Stats jobs: rows written to a file or a stream."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

from pgen.errors import OutputInvalid
from pgen.images.model import PictureModel
from pgen.images.naming import check_file, check_path, writing
from pgen.stats.draw import stream
from pgen.stats.formats import EXTENSIONS, FORMATS, write_rows
from pgen.stats.rows import RowFilter, Rows


def write_stats(
    generator: PictureModel,
    out: str | Path | BinaryIO,
    n: int,
    seed: int = 0,
    filter: RowFilter | None = None,
    format: str | None = None,
    step: Callable[[int], object] = int,
) -> None:
    """Write `n` rows to a file, atomically, or to an open stream; memory use is constant.

    Args:
        generator: opened bundle with a stats model.
        out: the file or stream.
        n: number of rows.
        seed: of the first row; seeds count up.
        filter: conditions that every row must satisfy.
        format: one of FORMATS; None for the format of the file's extension, or a table for a stream.
        step: called with the number of rows after each block.

    Raises:
        OutputInvalid: `out` cannot be written, or its extension is unknown.
        PokeganError: see :func:`pgen.stats.draw.stream`; nothing is written.
    """
    out = Path(out) if isinstance(out, str) else out
    format = format_for(out, format)
    blocks = stream(generator, n, seed, filter)

    def counted() -> Iterator[Rows]:
        for rows in blocks:
            yield rows
            step(len(rows))

    with writing(out) if isinstance(out, Path) else nullcontext(out) as file:
        write_rows(counted(), format, file)


def format_for(out: Path | BinaryIO, format: str | None) -> str:
    """Choose the format, and check the path if `out` is a file.

    Raises:
        OutputInvalid: `out` cannot be written, or its extension is unknown.
    """
    if format is not None and format not in FORMATS:
        raise OutputInvalid(f"format {format[:40]!r}: choose {', '.join(FORMATS)}")
    if not isinstance(out, Path):
        return format or "table"
    if format is None:
        return EXTENSIONS[check_file(out, EXTENSIONS)]
    check_path(out)
    return format
