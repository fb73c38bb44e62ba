"""Atomic writes of files: to a hidden file in the same folder, which is then renamed."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

DESCRIPTORS = ("/proc/", "/dev/fd/")
"""Where a link such as /dev/stdout leads: to what a process has open, which no rename can replace."""

EFFECTIVE = os.access in os.supports_effective_ids
"""Whether os.access can check the permissions of the effective user, with which files are opened."""


@contextmanager
def atomic_path(path: Path, keep_links: bool = True) -> Iterator[Path]:
    """Yield an unused hidden path in the folder of `path`, for the block to write.

    It is renamed to `path` at the end, and takes mode and owner of a file that it replaces. Where `path` is a link,
    the file that it leads to is replaced; where it is a device, a pipe or an open file such as /dev/stdout, the content
    is appended to it. A file that no rename can replace is overwritten in place: one in a folder that this user may not
    write, or with further hard links, unless `keep_links` is false. After an error, or where the block removed the
    hidden file again, `path` stays as it was, and nothing is left beside it. Several processes may write the same file.

    Raises:
        OSError, ValueError: the file is read-only or cannot be renamed, or its name holds a null byte.
    """
    stream = is_stream(path)
    target = path if stream else target_of(path)
    if not stream and is_read_only(target):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    in_place = stream or _must_overwrite(target, keep_links)
    with _temporary_folder() if in_place else nullcontext(str(target.parent)) as folder:
        hidden = Path(folder) / f".pokegan-{os.urandom(8).hex()}.part"
        try:
            yield hidden
            if hidden.exists():
                _copy(hidden, target, os.O_APPEND if stream else os.O_TRUNC) if in_place else _put(hidden, target)
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


def is_stream(path: Path) -> bool:
    """Whether `path` exists and is neither a folder nor a file of its own: a device, a pipe, or /dev/stdout."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # missing, or a name that no file can have
        return False
    if not stat.S_ISREG(mode):
        return not stat.S_ISDIR(mode)
    return any(str(hop.absolute()).startswith(DESCRIPTORS) for hop in _links(path))


def is_stdout(path: Path) -> bool:
    """Whether `path` is what stdout writes to, such as /dev/stdout: nothing else may be printed there."""
    try:
        return is_stream(path) and os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    except (AttributeError, OSError, ValueError):  # stdout is closed, or a replacement without a descriptor
        return False


def _links(path: Path) -> Iterator[Path]:
    """Follow the links that start at `path`, which end at an existing file."""
    yield path
    while path.is_symlink():
        path = path.parent / path.readlink()
        yield path


def target_of(path: Path) -> Path:
    """Follow the links of `path`, to a file that need not exist; the path itself where it is no link."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path  # noqa: PTH114 (pathlib's raises for long names)


def is_read_only(path: Path) -> bool:
    """Whether `path` exists and this user may not write it."""
    return os.path.exists(path) and not os.access(path, os.W_OK, effective_ids=EFFECTIVE)  # noqa: PTH110 (as above)


def _must_overwrite(target: Path, keep_links: bool) -> bool:
    """Whether `target` is a file that must be overwritten in place."""
    try:
        state = target.stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(state.st_mode) and ((keep_links and state.st_nlink > 1) or is_read_only(target.parent))


def _put(hidden: Path, target: Path) -> None:
    """Rename `hidden` to `target`; an existing file keeps its mode and owner."""
    try:
        before = target.stat()
    except FileNotFoundError:
        hidden.replace(target)
        return
    now = hidden.stat()
    try:
        if (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
            os.chown(hidden, before.st_uid, before.st_gid)
        hidden.chmod(stat.S_IMODE(before.st_mode))  # after the change of owner, which clears set-user-ID bits
        hidden.replace(target)
    except OSError as error:
        if not (isinstance(error, PermissionError) or error.errno == errno.EBUSY):
            raise
        # Someone else's file that this user may write, so that it stays theirs; or one that is mounted by itself.
        _copy(hidden, target, os.O_TRUNC)
        hidden.unlink()


def _temporary_folder() -> "TemporaryDirectory[str]":
    from tempfile import TemporaryDirectory  # slow to import, and seldom needed

    return TemporaryDirectory(prefix="pokegan-")


def _copy(hidden: Path, path: Path, flag: int) -> None:
    from shutil import copyfileobj  # slow to import, and seldom needed

    with (
        hidden.open("rb") as content,
        open(os.open(path, os.O_WRONLY | flag), "wb") as stream,  # noqa: PTH123 (a descriptor)
    ):
        copyfileobj(content, stream)
