"""Files appear whole or not at all."""

import errno
import os
import stat
import subprocess
import sys
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


posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


@posix
@pytest.mark.parametrize("there", [True, False])
def test_link_stays_and_its_target_is_written(tmp_path: Path, there: bool) -> None:
    target, link = tmp_path / "deep" / "target", tmp_path / "link"
    target.parent.mkdir()
    if there:
        target.write_text("old")
    link.symlink_to("deep/target")
    atomic_write(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["target"]


@posix
def test_replaced_file_keeps_its_mode_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, 12, 34)
    before = path.stat()
    atomic_write(path, "new")
    after = path.stat()
    assert path.read_text() == "new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


@posix
def test_read_only_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o400)
    if os.geteuid() == 0:  # root may write anything
        monkeypatch.setattr(os, "access", lambda place, mode, **_: not mode & os.W_OK or place != path)
    with pytest.raises(PermissionError):
        atomic_write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_hard_links_share_the_new_content(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_text("old, and longer")
    other.hardlink_to(path)
    atomic_write(path, "new")
    assert (path.read_text(), other.read_text()) == ("new", "new")
    assert sorted(tmp_path.iterdir()) == [path, other]
    with atomic_path(path, keep_links=False) as hidden:
        hidden.write_text("newer")
    assert (path.read_text(), other.read_text()) == ("newer", "new")


@posix
def test_writable_file_in_a_read_only_folder_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    tmp_path.chmod(0o555)
    if os.geteuid() == 0:  # root may write into any folder
        monkeypatch.setattr(os, "access", lambda place, mode, **_: not mode & os.W_OK or place != tmp_path)
    before = path.stat().st_ino
    try:
        atomic_write(path, "new")
        assert (path.read_text(), path.stat().st_ino) == ("new", before)
        assert list(tmp_path.iterdir()) == [path]
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EPERM])  # mounted by itself, as into a container; or not ours
def test_file_that_no_rename_replaces_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise OSError(code, os.strerror(code), str(path), None, str(target))

    monkeypatch.setattr(Path, "replace", refuse)
    path = tmp_path / "a"
    path.write_text("old")
    atomic_write(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    atomic_write(pipe, "new")
    assert os.read(reader, 9) == b"new"
    os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


@posix
def test_device_stays_a_device(tmp_path: Path) -> None:
    device = tmp_path / "null"  # of its own: without the mend, root replaced /dev/null by a file
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        device.write_text("")
    except OSError:
        pytest.skip("only root makes devices, and not everywhere")
    atomic_write(device, "new")
    assert device.is_char_device()
    assert list(tmp_path.iterdir()) == [device]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_open_file_behind_a_link_to_stdout_is_appended_to(tmp_path: Path) -> None:
    out, link = tmp_path / "out", tmp_path / "stdout"
    link.symlink_to("/proc/self/fd/1")  # as /dev/stdout, which root replaced without the mend
    program = "import sys; from pathlib import Path; from pokegan.files import atomic_write; "
    program += "atomic_write(Path(sys.argv[1]), 'b')"
    with out.open("w") as file:
        file.write("a")
        file.flush()
        subprocess.run([sys.executable, "-c", program, str(link)], stdout=file, check=True)
    assert out.read_text() == "ab"
