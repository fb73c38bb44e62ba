"""Every recipe in docs/cookbook.md does what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

COOKBOOK = Path(__file__).parents[3] / "docs" / "cookbook.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", COOKBOOK.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def run(call: list[str], program: str, folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        call, input=program, capture_output=True, text=True, cwd=folder, env=os.environ | {"PATH": path}, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), program


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_cookbook_commands_run(tmp_path: Path) -> None:
    assert len(blocks("sh")) >= 7
    for block in blocks("sh"):
        run(["bash", "-e", "-o", "pipefail"], block, tmp_path)
    assert sorted(path.name for path in (tmp_path / "mews").iterdir()) == [f"mew_{seed}.png" for seed in (1, 100, 2, 3)]
    assert size(tmp_path / "sheet.png") == (4 * 128, 3 * 128)
    assert size(tmp_path / "sprites" / "blastoise_0_stage1.png") == (32, 32)
    assert (tmp_path / "rows.parquet").stat().st_size > 10_000
    assert len(list((tmp_path / "dex").glob("*.png"))) == 6
    assert {"pikachu_0.png", "a-red-fire-dragon_0.png", "a_0.png"} <= {
        path.name for path in (tmp_path / "new").iterdir()
    }


def test_cookbook_python_runs(tmp_path: Path) -> None:
    assert blocks("python")
    for block in blocks("python"):
        run([sys.executable, "-"], block, tmp_path)
    assert size(tmp_path / "large.png") == (256, 256)
    assert len(list((tmp_path / "from-python").iterdir())) == 6


def test_cookbook_shows_the_real_file_name() -> None:
    from pgen.images.naming import Namer
    from pgen.request import Request

    assert Namer()(Request("Mr. Mime", 0), "png") in COOKBOOK.read_text("utf-8")
