"""Folders and files that appear whole: made beside their place under a hidden name, then renamed into it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgexport.errors import TargetInvalid
from pokegan.errors import PokeganError, write_remedy
from pokegan.files import target_of


@contextmanager
def beside(out: Path) -> Iterator[Path]:
    """Make a hidden folder beside `out`, to fill and then to :func:`put`; it is removed unless that happened.

    Raises:
        TargetInvalid: something could not be written, because the disk is full for example.
    """
    staged, place = None, target_of(out)
    try:
        staged = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        staged.chmod(place.stat().st_mode & 0o7777 if place.is_dir() else 0o777 & ~_umask())
        yield staged
    except OSError as error:
        if isinstance(error, PokeganError):
            raise
        reason = error.strerror or error
        raise TargetInvalid(
            f"{out}: cannot be written ({reason}); {write_remedy(error)}, or choose another place; nothing was written"
        ) from error
    finally:
        if staged:
            shutil.rmtree(staged, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def put(staged: Path, out: Path) -> None:
    """Rename the folder `staged` to `out`, in the place of what is there, which stays if anything interrupts.

    Where `out` is a link, the folder that it leads to is replaced.
    """
    out = target_of(out)
    if not out.exists():
        staged.rename(out)
        return
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as old:
        replaced = Path(old) / "replaced"
        try:
            out.rename(replaced)
            staged.rename(out)
        except BaseException:  # Ctrl-C too: `old` is deleted at the end
            if replaced.exists() and not out.exists():
                replaced.rename(out)
            raise
