"""Large jobs as a person runs them: streamed, interrupted, short of space, two at once."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Command

PGEN = str(Path(sys.executable).parent / "pgen")


def started(*arguments: object, **options: object) -> subprocess.Popen[str]:
    line = [PGEN, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(line, text=True, bufsize=1, **pipes, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def usual(tiny_bundle: Path, tmp_path: Path) -> tuple[object, ...]:
    """A job that reads prompts from stdin, drawing them one at a time."""
    return ("image", "-", "--bundle", tiny_bundle, "--device", "cpu", "--batch", 1, "--out-dir", tmp_path / "out")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.parametrize("shards", [(), ("--shards", 2)])
def test_ctrl_c_keeps_finished_files(usual: tuple[object, ...], tmp_path: Path, shards: tuple[object, ...]) -> None:
    process = started(*usual, *shards, "--json", "-n", 2)
    assert process.stdin
    assert process.stdout
    process.stdin.write("redball\n")  # and stays open: more may come
    described = [json.loads(process.stdout.readline()) for _ in range(2)]
    assert [one["seed"] for one in described] == [0, 1]
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error == "Error: interrupted; finished files are kept, and the same command with --resume continues\n"
    assert names(tmp_path / "out") == (["shard-000000.tar"] if shards else ["redball_0.png", "redball_1.png"])


def test_resume_skips_finished_files(command: Command, usual: tuple[object, ...], tmp_path: Path) -> None:
    assert command(*("pgen", *usual), input="redball\n").returncode == 0
    (tmp_path / "out" / ".pgen-0.part").write_bytes(b"of a process that was killed")
    done = command("pgen", *usual, "--resume", input="redball\na green egg\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [str(tmp_path / "out" / "a-green-egg_0.png")]
    refused = command("pgen", *usual, "--resume", "--size", 32, input="redball\n")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert "redball_0.png: was made with size left out, not 32; choose another folder" in refused.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of POSIX")
def test_full_disk_leaves_no_partial_shard(usual: tuple[object, ...], tmp_path: Path) -> None:
    import resource

    def limited() -> None:  # what a full disk does to write(), for files of more bytes than this
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    process = started(*usual, "--shards", 8, preexec_fn=limited)
    _, error = process.communicate("redball\nbluewings\n", timeout=60)
    assert process.returncode == 2
    assert error.count("\n") == 1
    assert "cannot be written (File too large); free space, or choose another path" in error
    assert names(tmp_path) == []


def test_invalid_line_keeps_earlier_files(command: Command, usual: tuple[object, ...], tmp_path: Path) -> None:
    done = command("pgen", *usual, input=f"redball\n{'x' * 2000}\nbluewings\n")
    assert done.returncode == 2
    assert "stdin, line 2" in done.stderr
    assert names(tmp_path / "out") == ["redball_0.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--out", "a.png", "--resume"), "need a folder: use --out-dir DIR"),
        (("--grid", "--shards", 3), "need a folder: use --out-dir DIR"),
        (("--batch", "fast"), "'fast' is not a number; write a number, or auto"),
        (("--batch", 0), "0 is not in the range"),
    ],
)
def test_invalid_options_fail_in_one_line(
    command: Command, tmp_path: Path, options: tuple[object, ...], message: str
) -> None:
    done = command("pgen", "image", "redball", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert names(tmp_path) == []
