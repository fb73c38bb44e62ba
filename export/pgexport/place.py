"""Folders that appear whole: made beside their place under a hidden name, then renamed into it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgexport.errors import TargetInvalid
from pokegan.errors import PokeganError


@contextmanager
def beside(out: Path, option: str) -> Iterator[Path]:
    """Make a hidden folder beside `out`, to fill and then to :func:`put`; it is removed unless that happened.

    Raises:
        TargetInvalid: nothing can be written there, or the disk is full; `option` is what to choose anew.
    """
    try:
        staged = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise TargetInvalid(f"{out}: cannot be written ({error.strerror}); choose another {option}") from error
    staged.chmod(0o755)
    try:
        yield staged
    except OSError as error:
        if isinstance(error, PokeganError):
            raise
        told = f"{out}: cannot be written ({error.strerror or error})"
        raise TargetInvalid(f"{told}; free space or choose another {option}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def put(staged: Path, out: Path) -> None:
    """Rename `staged` to `out`, in the place of what is there."""
    if not out.exists():
        staged.rename(out)
        return
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as old:
        out.rename(Path(old) / "replaced")
        staged.rename(out)
