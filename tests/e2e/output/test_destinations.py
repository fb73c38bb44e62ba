"""Outputs that are no plain files: links, pipes, devices and files that may not be written."""

import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from pgen.errors import OutputInvalid
from pgen.images.naming import check_path
from pgexport.atomic import atomic_folder
from tests.conftest import Command

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


@pytest.fixture
def stdout_link(tmp_path: Path) -> Path:
    """A link as /dev/stdout is one, which root replaced without the mend."""
    if sys.platform != "linux":
        pytest.skip("needs /proc")
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")
    return tmp_path / "stdout"


def test_picture_goes_through_a_link_to_stdout(command: Command, stdout_link: Path) -> None:
    done = command("pgen", "image", "Mew", "--device", "cpu", "--out", stdout_link, text=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"\x89PNG")
    assert done.stdout.endswith(b"IEND\xaeB\x60\x82"), "no name is printed after it"


def test_rows_go_through_a_link_to_stdout(command: Command, stdout_link: Path) -> None:
    done = command("pgen", "stats", "-n", 2, "--format", "csv", "--out", stdout_link)
    assert len(done.stdout.splitlines()) == 3


def test_picture_is_written_through_a_link(command: Command, tmp_path: Path) -> None:
    (tmp_path / "target.png").touch()
    (tmp_path / "link.png").symlink_to("target.png")
    assert command("pgen", "image", "Mew", "--device", "cpu", "--out", tmp_path / "link.png").returncode == 0
    assert (tmp_path / "link.png").is_symlink()
    with Image.open(tmp_path / "target.png") as image:
        assert image.size == (128, 128)


def test_read_only_file_is_refused_before_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.touch(0o400)
    if os.geteuid() == 0:  # root may write anything
        monkeypatch.setattr(os, "access", lambda place, mode, **_: not mode & os.W_OK or place != path)
    with pytest.raises(OutputInvalid, match="is read-only; choose another file"):
        check_path(path)


def test_exported_folder_is_put_behind_a_link_with_its_mode(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.mkdir(0o700)
    (target / "old").touch()
    link.symlink_to("target")
    with atomic_folder(link) as staged:
        (staged / "new").touch()
    assert link.is_symlink()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert target.stat().st_mode & 0o777 == 0o700
