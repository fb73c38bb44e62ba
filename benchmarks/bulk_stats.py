"""Rows to disk in bulk: `pgen stats` as whole processes, rows a second and peak memory.

    python benchmarks/bulk_stats.py --bundle DIR

Memory is constant if a million rows take as much as ten thousand. Times are from start to exit, files on disk included.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pgbench.measuring.environment import environment
from pgbench.reporting.files import write_json
from pgen.bundle.reader import EMBEDDED, open_bundle

RESULTS = Path(__file__).parent / "results" / "bulk_stats.json"
ROWS = (10_000, 100_000, 1_000_000)
FORMATS = ("csv", "parquet")


def measure(bundle: Path, rows: int, format: str, folder: Path) -> dict[str, Any]:
    """Write one file and measure time, memory and size."""
    out = folder / f"rows.{format}"
    command = [sys.executable, "-m", "pgen", "stats", "--bundle", str(bundle), "-n", str(rows), "--out", str(out)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return {
        "seconds": round(took, 1),
        "rows_per_second": round(rows / took),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_rss_mib": round(used.ru_maxrss / 1024, 1),  # KiB on Linux
        "file_mib": round(out.stat().st_size / 2**20, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=EMBEDDED, help="folder of a bundle with a stats model")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    formats: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for format in FORMATS:
            for rows in ROWS:
                formats.setdefault(format, {})[str(rows)] = measure(options.bundle, rows, format, Path(folder))
                print(format, rows, formats[format][str(rows)], file=sys.stderr, flush=True)
    model = open_bundle(options.bundle).model("stats")
    write_json(
        options.out,
        {
            "command": "python benchmarks/bulk_stats.py --bundle DIR",
            "latent_dim": model.settings["latent_dim"],
            "formats": formats,
            "environment": environment(),
        },
    )


if __name__ == "__main__":
    main()
