"""Files appear whole or not at all."""

import errno
from contextlib import suppress
from pathlib import Path

import pytest

from pokegan.files import atomic_path, atomic_write


@pytest.mark.parametrize("content", [b"new", "new"])
def test_atomic_write_replaces_the_file(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    atomic_write(path, content)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_failed_block_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with suppress(KeyboardInterrupt), atomic_path(path) as hidden:
        hidden.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_removed_file_is_not_put_in_place(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a") as hidden:
        hidden.touch()
        hidden.unlink()
    assert list(tmp_path.iterdir()) == []


def test_full_disk_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as full, atomic_path(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert full.value.filename == str(tmp_path / "a")


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "none" / "a", b"")
