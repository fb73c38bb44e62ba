"""Every recipe in docs/cookbook-dex.md runs, on a bundle that has a stats model."""

import os
import re
import subprocess
import sys
from pathlib import Path

COOKBOOK = Path(__file__).parents[2] / "docs" / "cookbook-dex.md"


def test_the_recipes(full_bundle: Path, tmp_path: Path) -> None:
    text = COOKBOOK.read_text("utf-8")
    shell, python = (re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for kind in ("sh", "python"))
    assert (len(shell), len(python)) == (2, 2)
    scripts = [re.sub(r"pgen (stats|dex)", rf"pgen \1 --bundle {full_bundle}", block) for block in shell]
    loads = f"import pathlib, pgen\nhere = pgen.load(pathlib.Path({str(full_bundle)!r}))\npgen.load = lambda: here\n"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    calls = [(["bash", "-e", "-o", "pipefail"], script) for script in scripts]
    calls += [([sys.executable, "-"], loads + "".join(python))]
    for call, program in calls:
        done = subprocess.run(
            call,
            input=program,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), program
    assert (tmp_path / "rows.parquet").stat().st_size > 10_000
    assert len(list((tmp_path / "dex").glob("*.png"))) >= 12
