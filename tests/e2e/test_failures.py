"""Interruptions, full disks and closed pipes while pictures are written."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pgen.cli import main

KEPT = "finished files are kept, and the same command with --resume continues"

Started = subprocess.Popen[str]


@pytest.fixture
def started(tiny_bundle: Path, tmp_path: Path) -> Callable[..., Started]:
    """Start a long `pgen image` that writes into `tmp_path`/out."""

    def start(*arguments: str, **options: object) -> Started:
        call = [
            sys.executable,
            "-m",
            "pgen",
            "image",
            "mew",
            "-n",
            "2000",
            "--batch",
            "2",
            "--bundle",
            str(tiny_bundle),
        ]
        call += ["--out-dir", str(tmp_path / "out"), *arguments]
        return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload, no-any-return]

    return start


def whole(folder: Path) -> int:
    """Count the files of a folder, all of which must be whole pictures."""
    paths = list(folder.iterdir())
    for path in paths:
        with Image.open(path) as image:
            image.load()
    return len(paths)


def ended(process: Started) -> tuple[int, list[str]]:
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors.splitlines()


@pytest.mark.skipif(os.name == "nt", reason="Windows has another Ctrl-C")
def test_ctrl_c_keeps_finished_files(started: Callable[..., Started], tmp_path: Path) -> None:
    process = started()
    assert process.stdout is not None
    printed = [process.stdout.readline() for _ in range(5)]
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()  # communicate() would lose what readline() has buffered
    code, errors = ended(process)
    assert (code, errors) == (130, [f"Error: interrupted; {KEPT}"])
    assert {Path(line) for line in "".join([*printed, rest]).splitlines()} == set((tmp_path / "out").iterdir())
    assert 5 <= whole(tmp_path / "out") < 2000


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signal_leaves_no_part_files_and_a_whole_list(name: str, tmp_path: Path) -> None:
    call = [sys.executable, "-m", "pgen", "dex", "-n", "500", "--device", "cpu", "--out", str(tmp_path / "dex")]
    number = getattr(signal, name)
    process = subprocess.Popen(  # under nohup, SIGHUP is ignored, and would stay so
        call,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert process.stdout is not None
    printed = [process.stdout.readline().strip() for _ in range(3)]
    process.send_signal(number)
    code, _ = ended(process)
    assert code == 128 + number
    listed = {entry["card"] for entry in json.loads((tmp_path / "dex" / "dex.json").read_text("utf-8"))["pokemon"]}
    assert {Path(line).name for line in printed} <= listed
    assert [path for path in (tmp_path / "dex").iterdir() if path.name.startswith(".")] == []


def test_removed_folder_fails_in_one_line(started: Callable[..., Started], tmp_path: Path) -> None:
    process = started()
    assert process.stdout is not None
    process.stdout.readline()
    (tmp_path / "out").rename(tmp_path / "moved")
    code, errors = ended(process)
    assert code == 2
    assert len(errors) == 1
    assert "cannot be written" in errors[0]
    assert whole(tmp_path / "moved") >= 1


def test_closed_stdout_ends_the_command_quietly(started: Callable[..., Started], tmp_path: Path) -> None:
    process = started()
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(60) != 0
    assert whole(tmp_path / "out") < 2000


@pytest.mark.skipif(sys.platform != "linux", reason="file sizes are limited as Linux does")
def test_full_disk_leaves_no_partial_file(started: Callable[..., Started], tmp_path: Path) -> None:
    process = started(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)))
    code, errors = ended(process)
    assert code == 2
    assert len(errors) == 1
    assert "free space" in errors[0]
    assert list(tmp_path.iterdir()) == []


def test_two_processes_write_one_folder(started: Callable[..., Started], tmp_path: Path) -> None:
    both = [started("-n", "30"), started("-n", "40")]
    assert [ended(process) for process in both] == [(0, [])] * 2
    assert whole(tmp_path / "out") == 40


ANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ANY
@given(
    prompts=st.lists(st.one_of(st.text(max_size=20), st.sampled_from(["mew", "-", "--grid", "CON"])), max_size=2),
    options=st.dictionaries(
        st.sampled_from(
            ["-n", "--seed", "--seeds", "--size", "--stage", "--truncation", "--background", "--columns", "--batch"]
        ),
        st.one_of(
            st.integers(-1, 70).map(str),
            st.sampled_from(["1-3", "nan", "1e9", "0.5", "white", "#f80", str(2**64)]),
            st.text(max_size=5),
        ),
        max_size=3,
    ),
    resample=st.sampled_from(["lanczos", "nearest"]),
    out=st.sampled_from(
        [
            ["--out", "a.png"],
            ["--out", "a.webp"],
            ["--out", "a.gif"],
            ["--out", "x/a.png"],
            [],
            ["--grid"],
            ["--out", "-"],
        ]
    ),
)
def test_any_call_writes_or_fails_in_one_line(
    tiny_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    prompts: list[str],
    options: dict[str, str],
    resample: str,
    out: list[str],
) -> None:
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    monkeypatch.chdir(tmp_path)
    call = ["image", *out, "--resample", resample, "--bundle", str(tiny_bundle)]
    call += [word for pair in options.items() for word in pair]
    done = CliRunner().invoke(main, [*call, "--", *prompts], input="")
    assert done.exit_code in (0, 2), done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit)
    if done.exit_code == 2:
        assert len(done.stderr.splitlines()) == 1
    else:
        assert whole(tmp_path) == (0 if out == ["--out", "-"] else len(set(done.stdout.splitlines())))
