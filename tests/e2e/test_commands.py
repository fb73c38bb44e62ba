"""The commands as a person types them: what they print, write and refuse."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from pgen.cli import main
from tests.conftest import Command, run_python


@pytest.mark.parametrize("name", ["pgtrain", "pgexport", "pgen", "pgbench"])
def test_help_and_version(command: Command, name: str) -> None:
    assert command(name, "--version").stdout.startswith(f"{name} 0.")
    assert "Usage: " + name in command(name, "--help").stdout


@pytest.mark.parametrize("call", [("pgtrain",), ("pgtrain", "data"), ("pgexport",), ("pgen",), ("pgbench",)])
def test_lists_of_commands_show_whole_sentences(command: Command, call: tuple[str, ...]) -> None:
    listed = command(*call, "--help").stdout.partition("\nCommands:\n")[2]
    assert listed
    assert "..." not in listed


def test_stored_help_equals_that_of_click(command: Command) -> None:
    expected = CliRunner().invoke(main, ["--help"], prog_name="pgen", terminal_width=80).output
    assert command("pgen", "--help").stdout == expected, "the help changed: run `make help`"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(command: Command, shell: str) -> None:
    assert "_pgen_completion" in command("pgen", env=os.environ | {"_PGEN_COMPLETE": f"{shell}_source"}).stdout
    words = {"COMP_WORDS": "pgen rep", "COMP_CWORD": "rep" if shell == "fish" else "1"}
    completion = command("pgen", env=os.environ | words | {"_PGEN_COMPLETE": f"{shell}_complete"})
    assert "reproduce" in completion.stdout


HELP = [
    ["pgen", "--help"],
    ["pgtrain", "stackgan", "--help"],
    ["pgtrain", "data", "inspect", "--help"],
    ["pgexport", "--help"],
    ["pgexport", "verify", "--help"],
    ["pgbench", "--help"],
    ["pgbench", "compare", "--help"],
]


@pytest.mark.parametrize("call", HELP)
def test_help_imports_nothing_heavy(call: list[str]) -> None:
    program = f"import sys; sys.argv = {call}; import atexit; from importlib.metadata import entry_points\n"
    program += f"(entry,) = entry_points(group='console_scripts', name='{call[0]}')\n"
    program += "atexit.register(lambda: print(sorted(HEAVY & set(sys.modules)), file=sys.stderr))\n"
    program = "HEAVY = {'torch', 'numpy', 'onnx', 'onnxruntime', 'transformers', 'PIL'}\n" + program
    done = run_python(program + "entry.load()()")
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"


def test_image_draws_from_the_embedded_bundle(command: Command, tmp_path: Path) -> None:
    done = command("pgen", "image", "Charizard", "--out", tmp_path / "out.png")
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "out.png") as picture:
        pixels = np.array(picture)
        assert picture.info["prompt"] == "Charizard"
    assert pixels.shape == (128, 128, 4)
    visible = pixels[..., 3] > 128
    assert 0.1 < visible.mean() < 0.9, "a creature on a transparent ground"


def test_image_imports_no_training_package(tiny_bundle: Path, tmp_path: Path) -> None:
    program = f"""
import sys
sys.argv = ["pgen", "image", "redball", "a text to encode", "--grid", "--out", r"{tmp_path / "a.png"}"]
sys.argv += ["--bundle", r"{tiny_bundle}"]
from pgen.main import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(sorted({{"torch", "torchvision", "transformers", "onnx", "pgtrain", "pgexport"}} & set(sys.modules)))
"""
    done = run_python(program)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["--version"], 0, ""),
        (["stats", "-n", "1"], 0, ""),
        (["stats", "--total", "x"], 2, "Error: .*'x' is not a valid integer"),
        (["fail"], 1, "RuntimeError: a fault of the program"),
    ],
)
def test_process_ends_with_the_code_after_all_exit_handlers(arguments: list[str], code: int, error: str) -> None:
    program = f"""
import atexit, sys
import pgen.main
def main(run=pgen.main.main):
    atexit.register(print, "exit handler")
    sys.stdout.write("not flushed, ")
    if sys.argv[1] == "fail":
        raise RuntimeError("a fault of the program")
    run()
pgen.main.main = main
sys.argv = ["pgen", *{arguments!r}]
pgen.main.run()
"""
    done = run_python(program)
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith("not flushed, ")
    assert done.stdout.endswith("exit handler\n")
    assert re.search(error, done.stderr)
    assert bool(error) == bool(done.stderr)


def test_grid_and_size(command: Command, tiny_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "grid.webp"
    options = ["-n", 4, "--grid", "--size", 50, "--bundle", tiny_bundle, "--out", out]
    assert command("pgen", "image", "redball", *options).returncode == 0
    with Image.open(out) as sheet:
        assert sheet.size == (100, 100)


BAD_CALLS = [
    ([""], "prompt is empty"),
    ([" \t "], "prompt is empty"),
    (["x" * 100_000], "100,000 characters"),
    (["a\x07b"], "control character"),
    (["a", "-n", "0"], "'-n'"),
    (["a", "--batch", "0"], "'--batch'"),
    (["a", "--seed", "-1"], "'--seed'"),
    (["a", "--size", "many"], "'--size'"),
    (["a", "--device", "toaster"], "'--device'"),
    (["a", "-n", "2"], "--grid"),
    (["a", "-n", "1000", "--size", "4096", "--grid"], "lower -n, --frames or --size"),
    ([], "PROMPT"),
    (["a", "--seeds", "5-1"], "5-1"),
    (["a", "--seeds", "1-3", "--seed", "4"], "--seeds"),
    (["a", "--truncation", "3"], "'--truncation'"),
    (["a", "--stage", "3"], "'--stage'"),
    (["a", "--model", "none"], "model none"),
    (["a", "--background", "pinkish"], "background 'pinkish'"),
    (["a", "--format", "bmp"], "'--format'"),
    (["--file", "none.txt"], "none.txt"),
    (["--file", "x" * 999], "too long"),
    (["a", "--bundle", "x" * 999], "not found"),
    (["a", "--nonsense"], "--nonsense"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_CALLS)
def test_invalid_input_fails_in_one_line(command: Command, tmp_path: Path, arguments: list[str], message: str) -> None:
    refused(command("pgen", "image", *arguments, "--out", tmp_path / "out.png"), message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "message"),
    [("out.bmp", "unknown extension"), ("none/out.png", "no such folder"), ("file/out.png", "not a folder")],
)
def test_invalid_output_path_fails_in_one_line(command: Command, tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "file").write_text("")
    refused(command("pgen", "image", "a", "--out", tmp_path / place), message)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_output_options_exclude_each_other(command: Command, tmp_path: Path) -> None:
    refused(command("pgen", "image", "a", "--out", tmp_path / "a.png", "--out-dir", tmp_path), "--out")
    refused(command("pgen", "image", "a", "--grid", "--out-dir", tmp_path), "--out FILE")
    refused(command("pgen", "image", "a", "--columns", 2, "--out", tmp_path / "a.png"), "--grid")
    assert list(tmp_path.iterdir()) == []


def test_damaged_bundle_fails_in_one_line(command: Command, tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    content = bytearray((bundle / "stackgan.onnx").read_bytes())
    content[1000] ^= 255
    (bundle / "stackgan.onnx").write_bytes(content)
    refused(command("pgen", "image", "a", "--bundle", bundle, "--out", tmp_path / "a.png"), "stackgan.onnx: damaged")
    refused(command("pgen", "image", "a", "--bundle", tmp_path, "--out", tmp_path / "a.png"), "manifest.json")
    refused(command("pgbench", "--bundle", bundle), "stackgan.onnx: damaged")
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("fault", ["line", "missing", "broken"])
def test_damaged_data_set_fails_in_one_line(
    inside: Command, small_data: Path, tiny_encoder: Path, tmp_path: Path, fault: str
) -> None:
    data = tmp_path / "data"
    shutil.copytree(small_data, data)
    if fault == "line":
        lines = (data / "metadata.jsonl").read_text().splitlines()
        (data / "metadata.jsonl").write_text("\n".join([*lines[:3], "{not json", *lines[3:]]))
        message = "line 4"
    else:
        image = next(iter(sorted((data / "images").iterdir())))
        image.unlink() if fault == "missing" else image.write_bytes(image.read_bytes()[:40])
        message = image.name
    out = tmp_path / "run"
    refused(inside("pgtrain", "stackgan", "--data", data, "--encoder", tiny_encoder, "--out", out), message)
    assert not out.exists()


def test_invalid_training_and_export_calls(
    command: Command, inside: Command, small_data: Path, tiny_run: Path, tmp_path: Path
) -> None:
    refused(command("pgtrain", "stackgan", "--data", tmp_path), "metadata.jsonl")
    refused(inside("pgtrain", "stackgan", "--data", small_data, "--epochs", 0), "'--epochs'")
    refused(inside("pgtrain", "stackgan", "--data", small_data, "--resume"), "--out")
    refused(inside("pgtrain", "stackgan", "--data", small_data, "--encoder", "./none", "--out", tmp_path / "r"), "none")
    refused(inside("pgexport", tmp_path, "--out", tmp_path / "b"), "config.json")
    cut = tmp_path / "cut"
    shutil.copytree(tiny_run, cut)
    checkpoint = cut / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    refused(command("pgexport", cut, "--out", tmp_path / "b"), "cut short")
    assert not (tmp_path / "b").exists()


def refused(done: object, message: str) -> None:
    assert done.returncode == 2, done.stderr  # type: ignore[attr-defined]
    lines = done.stderr.strip().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 1, lines
    assert lines[0].startswith("Error: ")
    assert message in lines[0]


def test_run_folder_contents(tiny_run: Path) -> None:
    described = json.loads((tiny_run / "config.json").read_text())
    assert described["config"]["width"] == 8
    assert "Unseen" in described["data"]["names"]
    metrics = [json.loads(line) for line in (tiny_run / "metrics.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in metrics] == [1, 2, 3]
    assert {path.name for path in (tiny_run / "grids").iterdir()} == {f"{epoch:05d}.png" for epoch in range(1, 4)}
    with Image.open(tiny_run / "real.png") as real:
        assert real.width == 8 * 128


MISSING = [
    ("pgtrain", ["stackgan", "--data", "DATA"], "torch", "pokegan[train]"),
    ("pgexport", ["RUN", "--out", "OUT"], "onnx", "pokegan[export]"),
    ("pgen", ["image", "redball", "--bundle", "BUNDLE", "--out", "OUT.png"], "onnxruntime", "pokegan[cpu]"),
]


@pytest.mark.parametrize(("name", "arguments", "package", "extra"), MISSING)
def test_missing_extra_prints_the_pip_command(
    small_data: Path,
    tiny_run: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    name: str,
    arguments: list[str],
    package: str,
    extra: str,
) -> None:
    places = {
        "DATA": small_data,
        "RUN": tiny_run,
        "BUNDLE": tiny_bundle,
        "OUT": tmp_path / "b",
        "OUT.png": tmp_path / "b.png",
    }
    call = [name, *(str(places.get(argument, argument)) for argument in arguments)]
    home = {"pgen": "pgen.main"}.get(name, f"{name}.cli")
    program = f"import sys; sys.modules[{package!r}] = None; sys.argv = {call!r}; import {home}; {home}.main()"
    done = run_python(program)
    refused(done, f"{package} is not installed; install it with: pip install '{extra}'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that even root cannot write to")
def test_unwritable_folder_fails_in_one_line(command: Command, tiny_bundle: Path) -> None:
    refused(command("pgen", "image", "redball", "--bundle", tiny_bundle, "--out", "/proc/out.png"), "/proc")
    refused(command("pgen", "image", "redball", "--bundle", tiny_bundle, "--out-dir", "/proc/new"), "/proc")
