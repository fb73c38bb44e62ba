"""Atomic writes of folders: to a hidden folder beside the target, which is then renamed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgexport.errors import TargetExists, TargetInvalid
from pokegan.errors import PokeganError, write_remedy
from pokegan.files import target_of


def check_target(out: Path, kind: str, fault: str, force: bool) -> None:
    """Check that a folder can be written to `out`.

    Args:
        out: the folder; its parent must exist.
        kind: what it will be, such as "bundle", for messages.
        fault: why an existing folder is not of this kind, and so never replaced; empty if it is.
        force: replace an existing folder.

    Raises:
        TargetInvalid: it cannot.
    """
    if not out.parent.is_dir():
        raise TargetInvalid(f"{out.parent}: no such folder; make it first")
    if out.exists() and fault:
        raise TargetInvalid(
            f"{out}: exists and is not a {kind} ({fault}), so force does not replace it; choose another folder"
        )
    if out.exists() and not force:
        raise TargetExists(f"{out}: exists; choose another folder, or replace the {kind} by force")


@contextmanager
def atomic_folder(out: Path) -> Iterator[Path]:
    """Yield a new hidden folder beside `out`, for the block to fill; it is renamed to `out` at the end.

    An existing folder is replaced; where `out` is a link, the folder that it leads to. After an error or Ctrl-C `out`
    stays as it was, and nothing is left beside it.

    Raises:
        TargetInvalid: something could not be written, because the disk is full for example.
    """
    staged, target = None, target_of(out)
    try:
        staged = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        staged.chmod(target.stat().st_mode & 0o7777 if target.is_dir() else 0o777 & ~_umask())
        yield staged
        _put(staged, target)
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


def _put(staged: Path, target: Path) -> None:
    """Rename `staged` to `target`; an existing folder is moved away first, and back if anything interrupts."""
    if not target.exists():
        staged.rename(target)
        return
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as old:
        replaced = Path(old) / "replaced"
        try:
            target.rename(replaced)
            staged.rename(target)
        except BaseException:  # Ctrl-C too: `old` is deleted at the end
            if replaced.exists() and not target.exists():
                replaced.rename(target)
            raise
