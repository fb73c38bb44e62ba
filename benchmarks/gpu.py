"""Everything that needs a CUDA GPU, in one command; its results can be committed.

    python benchmarks/gpu.py                            # or: make gpu; half an hour
    python benchmarks/gpu.py --data shared/data/pokemon

Runs the tests marked `gpu`; trains a DCGAN and a StackGAN for a few epochs (without --data on pictures drawn here);
exports them with fp16 arithmetic; and measures this project's CUDA and TensorRT backends beside PyTorch eager, in fp16,
compiled and replayed as CUDA graphs, on the fp16 bundle and on one in float32. If TensorRT and CUDA's bindings can
be imported it also builds engines and measures them. A peer that cannot run ends it. Without a GPU it says so in one
line and exits with 2.
"""

import argparse
import importlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw

RESULTS = Path(__file__).parent / "results"
TESTS = Path(__file__).parents[1] / "tests"
PICTURES = 512
BATCHES = "1,8,64"
PEERS = "torch-cuda,torch-cuda-fp16,torch-cuda-compile,torch-cuda-graph"
"""Named, so that pgbench fails if one of them is missing; "all" adds whatever else is available."""

COLORS = ("red", "green", "blue", "yellow", "purple", "orange")


def missing() -> str | None:
    """Say what is missing for this to run; None if nothing is."""
    if not shutil.which("nvidia-smi"):
        return "there is no NVIDIA driver (nvidia-smi is not found)"
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    if listed.returncode or "GPU" not in listed.stdout:
        return f"nvidia-smi finds no GPU ({' '.join((listed.stdout + listed.stderr).split())[:100]})"
    if not find_spec("torch") or not find_spec("onnxruntime"):
        return "PyTorch or ONNX Runtime is not installed (pip install -e '.[dev]', then 'pokegan[gpu]')"
    import onnxruntime
    import torch

    if not torch.cuda.is_available():
        return (
            "PyTorch cannot use the GPU (torch.cuda.is_available() is False); install a CUDA build that fits the driver"
        )
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "ONNX Runtime has no CUDA provider; pip uninstall onnxruntime, then pip install 'pokegan[gpu]'"
    return None


def builds_engines() -> bool:
    """Check whether TensorRT and the CUDA bindings can be imported."""
    try:
        for module in ("tensorrt", "cuda.bindings.runtime"):
            importlib.import_module(module)
    except ImportError:
        return False
    return True


def draw(folder: Path) -> Path:
    """Draw a data set of colored ellipses; speed does not depend on the content of pictures."""
    rng = random.Random(0)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(PICTURES):
        color = rng.choice(COLORS)
        image = Image.new("RGBA", (128, 128))
        left, top = rng.randrange(8, 50), rng.randrange(8, 50)
        ImageDraw.Draw(image).ellipse((left, top, left + 70, top + 60), fill=color)
        image.save(folder / "images" / f"{number}.png")
        lines.append(json.dumps({"file_name": f"images/{number}.png", "name": f"egg {number}", "color": color}))
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def steps(data: Path, work: Path, results: Path, engines: bool) -> Iterator[list[str]]:
    """List the commands, in order; `engines` says whether TensorRT's are built and measured too."""
    yield ["pytest", "-m", "gpu", str(TESTS)]
    yield ["pgtrain", "dcgan", "--data", str(data), "--out", str(work / "dcgan"), "--epochs", "20"]
    yield ["pgtrain", "stackgan", "--data", str(data), "--out", str(work / "stackgan"), "--epochs", "8"]
    runs = [str(work / "stackgan"), str(work / "dcgan")]
    versus = f"{PEERS},engine,all" if engines else f"{PEERS},all"
    for precision, storage in (("fp16", ["--fp16"]), ("float32", ["--storage", "float32"])):
        yield ["pgexport", *runs, "--out", str(work / precision), *storage]
        if engines:
            yield ["pgexport", str(work / precision), "--tensorrt"]
    for precision in ("fp16", "float32"):
        for model in ("stackgan", "dcgan"):
            base = results / f"gpu-{model}-{precision}"
            options = ["--bundle", str(work / precision), "--model", model, "--device", "cuda", "--batch", BATCHES]
            options += ["--vs", versus, "--limit", "--cold", "--out", f"{base}.json", "--plot", str(base)]
            yield ["pgbench", *options]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="what to train on  [default: pictures drawn here]")
    parser.add_argument("--work", type=Path, default=Path("runs/gpu"), help="for runs and bundles; emptied first")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args()
    if why := missing():
        print(f"gpu: {why}; run this on a machine with a CUDA GPU", file=sys.stderr)
        sys.exit(2)
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    data = options.data or draw(options.work / "data")
    for command in steps(data, options.work, options.out, builds_engines()):
        print("$", *command, flush=True)
        program = str(Path(sys.executable).parent / command[0])
        done = subprocess.run([program, *command[1:]], check=False)
        if done.returncode:
            print(f"gpu: {command[0]} ended with {done.returncode}; results measured before are kept", file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    main()
