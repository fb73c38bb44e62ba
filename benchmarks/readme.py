"""The tables of README.md and docs/, generated from the committed JSON in benchmarks/results.

    python benchmarks/readme.py             # or: make readme; rewrites what stands between the markers
    python benchmarks/readme.py --check     # exits with 1 where a page differs from the results

A page holds a table between `<!-- table: NAME -->` and `<!-- end -->`, where NAME is one of TABLES.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from markdown_tables import scale, speed, training

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)

AMX, WITHOUT_AMX = "pgbench", "pgbench-without-amx"
TABLES: dict[str, Callable[[], str]] = {
    "speed": speed.summary,
    "startup": speed.startup,
    "devices": speed.devices,
    "throughput": partial(speed.throughput, AMX, "generator"),
    "throughput-from-text": partial(speed.throughput, AMX, "end to end"),
    "throughput-without-amx": partial(speed.throughput, WITHOUT_AMX, "generator"),
    "throughput-from-text-without-amx": partial(speed.throughput, WITHOUT_AMX, "end to end"),
    "limit": partial(speed.limit, AMX),
    "limit-without-amx": partial(speed.limit, WITHOUT_AMX),
    "layers": speed.layers,
    "parity": partial(speed.parity, WITHOUT_AMX),
    "memory": speed.memory,
    "bulk-stats": speed.bulk_stats,
    "install": speed.install,
    "precision": speed.precision,
    "training": training.dcgan,
    "training-stackgan": training.stackgan,
    "recipes": training.recipes,
    "stats": training.stats,
    "quality": training.quality,
    "quality-summary": training.quality_summary,
    "web": scale.web,
    "scale": scale.machines,
    "scale-gpu": scale.gpus,
    "scale-web": scale.visitors,
}


def pages() -> Iterator[Path]:
    """List the pages that may hold tables."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").glob("*.md"))


def generated(text: str) -> str:
    """Replace the tables of a page by those of the present results.

    Raises:
        KeyError: A marker names a table that does not exist.
    """
    return BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]]()}\n{block[3]}", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a page differs")
    check = parser.parse_args().check
    outdated = {}
    for path in pages():
        text = path.read_text("utf-8")
        if (content := generated(text)) != text:
            outdated[path] = content
    for path, content in outdated.items():
        print(path.relative_to(ROOT), file=sys.stderr)
        if not check:
            path.write_text(content, "utf-8")
    if check and outdated:
        sys.exit("these pages differ from benchmarks/results; run `make readme`")


if __name__ == "__main__":
    main()
