"""Large jobs: memory and rate by length, the cost of everything but the generator, and of the files' formats.

    python benchmarks/batches.py [--small BUNDLE] [--counts 10,1000,10000,100000] [--part PART]

Writes benchmarks/results/batches.json, a part at a time:

- memory: one process for each length, on different sentences; peak of the resident set, and pictures a second with
  start and files. 100,000 pictures of the installed bundle take an hour or more on two cores: --small is a bundle
  that draws as large pictures with a tiny network, as the tests' is (`pgtrain stackgan --width 8 --epochs 3
  --data DIR`, and `pgexport`).
- overlap: pictures a second from sentences to files, over those of the generator alone, at batch 64 in a warm
  process; in turn, so that drift of the machine affects both alike. Other programs disturb the clock, so processor time
  is compared as well.
- formats: milliseconds of one thread and bytes, for PNG and WebP with other settings, on pictures of known names.
"""

import argparse
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rounds import clocks, in_turn, ratios
from serving.load.prompts import sentence

import pgen
from pgbench.measuring.environment import environment
from pgbench.reporting.files import write_json
from pgen.api import Generator
from pgen.backends.devices import resolve
from pgen.images.postprocess import Postprocess
from pgen.jobs.folder import Folder
from pgen.jobs.job import Job
from pgen.jobs.local import write_tasks
from pgen.jobs.write import write_pictures
from pgen.request import Request

RESULT = Path(__file__).parent / "results" / "batches.json"
BATCH, BATCHES, ROUNDS = 64, 2, 7


def sentences() -> Iterator[Request]:
    """Yield different sentences endlessly; none is a known name."""
    return (Request(sentence(number), number) for number in count())


def measure_job(length: int, bundle: Path) -> dict[str, Any]:
    """Write a job of `length` pictures in this process and measure it."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        count = sum(1 for _ in write_pictures(Job(islice(sentences(), length), bundle=bundle), Path(folder) / "out"))
        rate = count / (time.perf_counter() - began)
    scale = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**20
    return {"pictures": count, "peak_mib": round(peak, 1), "pictures_per_s": round(rate, 1)}


def memory(counts: list[int], bundle: Path) -> list[dict[str, Any]]:
    """Run :func:`measure_job` for each length, each in a process of its own."""
    results = []
    for length in counts:
        call = [sys.executable, __file__, "--one", str(length), "--small", str(bundle)]
        results.append(json.loads(subprocess.run(call, check=True, stdout=subprocess.PIPE).stdout))
        print(results[-1], file=sys.stderr)
    return results


def generate_only(generator: Generator) -> Callable[[], object]:
    """Make a run of the generator alone on BATCHES batches."""
    inputs = generator.inputs(list(islice(sentences(), BATCH)))
    return lambda: [generator.generate(inputs) for _ in range(BATCHES)]


def write_files(generator: Generator) -> Callable[[], object]:
    """Make a run from sentences to files of as many pictures."""

    def run() -> object:
        with tempfile.TemporaryDirectory() as folder:
            target = Folder(Path(folder), generator.bundle, Postprocess(), time.time())
            tasks = Job(islice(sentences(), BATCH * BATCHES)).tasks()
            return sum(1 for _ in write_tasks(generator, tasks, target, BATCH, False))

    return run


def overlap() -> dict[str, Any]:
    """Compare sentences to files with the generator alone, on every device of this machine."""
    result: dict[str, Any] = {"batch": BATCH, "pictures_a_run": BATCH * BATCHES}
    for device in dict.fromkeys(("cpu", resolve("auto"))):
        generator = pgen.load(device=device)
        works = {"generator": generate_only(generator), "files": write_files(generator)}
        times = in_turn({name: partial(clocks, work) for name, work in works.items()}, ROUNDS, warm_up=1)
        clock = {name: [seconds for seconds, _ in pairs] for name, pairs in times.items()}
        processor = {name: [seconds for _, seconds in pairs] for name, pairs in times.items()}
        rounds = ratios(clock["generator"], clock["files"])
        of_processor = ratios(processor["generator"], processor["files"])
        result[device] = {
            "pictures_per_s": {
                name: round(BATCH * BATCHES / statistics.median(seconds), 1) for name, seconds in clock.items()
            },
            "ratio": round(statistics.median(rounds), 3),
            "ratios": [round(ratio, 3) for ratio in rounds],
            "ratio_of_processor_time": round(statistics.median(of_processor), 3),
        }
    return result


def formats() -> dict[str, Any]:
    """Encode 48 pictures of known names in one thread with every setting."""
    generator = pgen.load()
    pictures = [Image.fromarray(pixels) for pixels in generator.images(generator.bundle.names[:48])]
    lossless = {"format": "WEBP", "lossless": True, "exact": True}
    settings: dict[str, dict[str, Any]] = {
        "png, pillow's default": {"format": "PNG"},
        "png, level 1": {"format": "PNG", "compress_level": 1},
        "png, level 3": {"format": "PNG", "compress_level": 3},
        "png, level 9": {"format": "PNG", "compress_level": 9},
        "png, huffman only": {"format": "PNG", "compress_type": zlib.Z_HUFFMAN_ONLY},
        "png, run lengths (used)": {"format": "PNG", "compress_type": zlib.Z_RLE},
        "webp, pillow's default": lossless,
        "webp, method 0": lossless | {"method": 0, "quality": 0},
        "webp, method 1 (used)": lossless | {"method": 1, "quality": 0},
        "webp, method 2": lossless | {"method": 2, "quality": 0},
    }
    return {name: _encoded(pictures, options) for name, options in settings.items()}


def _encoded(pictures: list[Image.Image], options: dict[str, Any]) -> dict[str, float]:
    times, sizes = [], []
    for picture in pictures:
        content = io.BytesIO()
        began = time.thread_time()
        picture.save(content, **options)
        times.append(1e3 * (time.thread_time() - began))
        sizes.append(len(content.getvalue()))
    return {"ms": round(statistics.median(times), 2), "bytes": round(float(np.mean(sizes)))}


def main() -> None:
    """Measure the requested parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", type=Path)
    parser.add_argument("--counts", default="10,1000,10000")
    parser.add_argument("--part", choices=("memory", "overlap", "formats"))
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    bundle = options.small or pgen.EMBEDDED
    if options.one:
        print(json.dumps(measure_job(options.one, bundle)))
        return
    lengths = [int(part) for part in options.counts.split(",")]
    key = "memory, small network" if options.small else "memory"
    parts: dict[str, Callable[[], Any]] = {
        key: lambda: memory(lengths, bundle),
        "overlap": overlap,
        "formats": formats,
    }
    result: dict[str, Any] = json.loads(RESULT.read_text("utf-8")) if RESULT.is_file() else {}
    for name, measure in parts.items():
        if options.part in (None, name.partition(",")[0]):
            result[name] = measure()
            result.setdefault("environments", {})[name] = environment()
            write_json(RESULT, result)


if __name__ == "__main__":
    main()
