"""Size and time of an installation: `pip install pokegan[cpu]` beside what PyTorch needs to draw the same pictures.

    python benchmarks/install.py            # rewrites benchmarks/results/install.json; minutes, and gigabytes meanwhile

Each is installed into a new virtual environment, without pip's cache, and removed afterwards. Seconds are those of `pip
install`, mostly downloads; the project's own wheel is built before and installed from disk, so its download is
not included. Bytes are those of site-packages, without pip and the previous content of the environment.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pgbench.measuring.environment import environment
from pgbench.reporting.files import kept, write_json

RESULTS = Path(__file__).parent / "results" / "install.json"
SOURCE = Path(__file__).parents[1]
CONTENDERS = {
    "pokegan[cpu]": ["{wheel}[cpu]"],
    "PyTorch": ["torch", "transformers", "pillow"],
}
"""Packages: a generator and a text encoder need torch and transformers, and Pillow writes the PNG."""


def size(folder: Path) -> int:
    """Add up the files under `folder`, in bytes."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def build(folder: Path) -> Path:
    """Build the project's wheel."""
    command = [sys.executable, "-m", "build", "-q", "--wheel", "--outdir", str(folder), str(SOURCE)]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(packages: list[str], folder: Path) -> dict[str, Any]:
    """Install `packages` into a new environment in `folder` and measure it."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    (site,) = folder.glob("**/site-packages")
    before = size(site)
    began = time.perf_counter()
    subprocess.run([str(folder / "bin" / "pip"), "install", "-q", "--no-cache-dir", *packages], check=True)
    took = time.perf_counter() - began
    return {
        "seconds": round(took, 1),
        "bytes": size(site) - before,
        "packages": len(list(site.glob("*.dist-info"))) - 1,  # pip's own
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=CONTENDERS, help="this one; the other's figures stay")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    contenders = kept(options.out, "contenders")
    for name in [options.only] if options.only else CONTENDERS:
        with tempfile.TemporaryDirectory() as folder:
            wheel = build(Path(folder) / "dist")
            packages = [package.format(wheel=wheel) for package in CONTENDERS[name]]
            before = environment()
            about = {"command": f"pip install {' '.join(CONTENDERS[name]).format(wheel='pokegan')}"}
            contenders[name] = about | install(packages, Path(folder) / "environment")
            contenders[name] |= {"pip": version("pip"), "environment": before}
    ratios = {}
    if len(contenders) == len(CONTENDERS):
        own, other = (contenders[name] for name in CONTENDERS)
        ratios = {key: round(other[key] / own[key], 1) for key in ("seconds", "bytes", "packages")}
    write_json(options.out, {"contenders": contenders, "pytorch_over_pokegan": ratios})
    print(json.dumps(ratios or contenders, indent=1))


if __name__ == "__main__":
    main()
