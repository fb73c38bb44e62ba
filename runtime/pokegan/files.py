"""Files that appear whole: written beside their place under a hidden name, then renamed into it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield an unused hidden path in the folder of `path`, for the block to write.

    It is renamed to `path` at the end, replacing what is there. After an error, or where the block removed it again,
    `path` stays as it was; nothing is left beside it. Several processes may write the same file.

    Raises:
        OSError, ValueError: the file cannot be renamed, or its name holds a null byte.
    """
    hidden = path.parent / f".pokegan-{os.urandom(8).hex()}.part"
    try:
        yield hidden
        if hidden.exists():
            hidden.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (None, str(hidden), hidden):
            error.filename = str(path)  # a full disk is noticed while writing, which names no file
        with suppress(OSError, ValueError):  # the folder is gone or out of reach, and the file with it
            hidden.unlink(missing_ok=True)
        raise


def atomic_write(path: Path, content: bytes | str) -> None:
    """Write `content` (text as UTF-8) to `path` as :func:`atomic_path` does; same errors."""
    with atomic_path(path) as hidden:
        hidden.write_bytes(content.encode() if isinstance(content, str) else content)
