"""Devices on the command line: the requested one runs, and auto prints its choice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

from pgen.backends.devices import resolve
from tests.conftest import Command, run_python

DRAW = ("pgen", "image", "Charizard")


@pytest.mark.parametrize("device", ["cuda", "tensorrt", "tensorrt-rtx", "engine"])
def test_missing_device_fails_in_one_line(command: Command, tmp_path: Path, device: str) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("it may be there")
    done = command(*DRAW, "--device", device, "--out", tmp_path / "a.png")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert "install" in line or "pgexport" in line
    assert list(tmp_path.iterdir()) == []


def test_json_records_the_device(command: Command, tmp_path: Path) -> None:
    for option, device in (("auto", resolve("auto")), ("cpu", "cpu")):
        done = command(*DRAW, "--device", option, "--json", "--out", tmp_path / "a.png")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["device"] == device


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_auto_prints_its_choice_on_a_terminal(tmp_path: Path) -> None:
    program = str(Path(sys.executable).parent / "pgen")

    def printed(*options: str) -> str:
        ours, theirs = os.openpty()
        call = [program, *DRAW[1:], "--out", str(tmp_path / "a.png"), *options]
        subprocess.run(call, stdout=subprocess.DEVNULL, stderr=theirs, check=True)
        os.set_blocking(ours, False)
        os.close(theirs)
        try:
            return os.read(ours, 1000).decode()
        except OSError:  # nothing was written, and no one holds the other end
            return ""
        finally:
            os.close(ours)

    line = printed().strip()
    assert line.startswith("device auto: ")
    assert line.endswith(f"({resolve('auto')})")
    assert "\n" not in line
    assert printed("--quiet") == printed("--device", "cpu") == ""


def test_known_name_opens_only_the_generator(tmp_path: Path) -> None:
    call = ["pgen", "image", "Charizard", "--device", "cpu", "--out", str(tmp_path / "a.png")]
    program = f"""
import sys
sys.argv = {call!r}
import onnxruntime
made = []
class Counted(onnxruntime.InferenceSession):
    def __init__(self, *arguments, **options):
        made.append(1)
        super().__init__(*arguments, **options)
onnxruntime.InferenceSession = Counted
from pgen.main import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(len(made), sorted({{"tokenizers", "openvino", "rich", "tensorrt"}} & set(sys.modules)))
"""
    done = run_python(program)
    assert done.stdout.splitlines()[-1] == "1 []", done.stderr
