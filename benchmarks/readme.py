"""The tables of README.md and docs/, generated from the committed JSON in benchmarks/results.

    python benchmarks/readme.py             # or: make readme; rewrites what stands between the markers
    python benchmarks/readme.py --check     # exits with 1 where a page differs from the results

A page holds a table between `<!-- table: NAME -->` and `<!-- end -->`, where NAME is one of TABLES.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

from pgtrain.evaluation.tables import lines
from pokegan.markdown import table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)

CHARIZARD, SENTENCE = 'pgen image "Charizard" --out out.png', 'pgen image "a red fire dragon" --out out.png'
BACKENDS = {
    "openvino": "`--device openvino`, bf16",
    "onnx-cpu": "`--device cpu`, float32",
    "torch": "PyTorch eager",
    "torch-bf16": "PyTorch bf16 autocast",
    "torch-compile": "PyTorch compiled",
    "torch-compile-bf16": "PyTorch compiled, bf16",
}
BATCHES = (1, 8, 64)


def load(name: str) -> dict[str, Any]:
    """Read one file of results."""
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return result


def per_second(result: dict[str, Any], batch: int, part: str) -> dict[str, float]:
    """Read the throughput of one part by backend."""
    return {
        row["backend"]: row["per_second"]
        for row in result["measurements"]
        if (row["batch"], row["part"]) == (batch, part)
    }


def ratios(result: dict[str, Any], batch: int, part: str) -> dict[str, float]:
    """Read how many times as fast the measured device is, by the backend that it is compared with."""
    return {row["over"]: row["ratio"] for row in result["ratios"] if (row["batch"], row["part"]) == (batch, part)}


def factor(ratio: float) -> str:
    """Write a ratio with two digits."""
    return f"{ratio:.2f}x" if ratio < 0.995 else f"{ratio:.1f}x" if ratio < 9.95 else f"{ratio:.0f}x"


def percent(share: float, digits: int = 0) -> str:
    """Write a share as a percentage."""
    return f"{100 * share:.{digits}f} %"


def number(value: float) -> str:
    """Write a measured value: one digit after the point below 10."""
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def speed() -> str:
    """Compare with PyTorch in one table: whole processes, warm generators, training."""
    startup, bench, training = load("startup"), load("pgbench-without-amx"), load("training")["recipes"]["default"]
    process, peer = startup["median_ms"][CHARIZARD], startup["median_ms"]["PyTorch + transformers"]
    ratio = factor(1 / startup["ratios"][f"{CHARIZARD} over PyTorch + transformers"])
    rows = [["`pgen image Charizard`, start to exit", f"{number(process)} ms", f"{number(peer)} ms ({ratio})", ""]]
    for part, label, batch in (
        ("generator", "generator", 1),
        ("generator", "generator", 8),
        ("end to end", "text to PNG", 8),
    ):
        rates, faster = per_second(bench, batch, part), ratios(bench, batch, part)
        peers = [
            number(rates[name]) + (f" ({factor(faster[name])})" if name in faster else "")
            for name in ("torch", "torch-compile-bf16")
        ]
        rows.append([f"{label}, batch {batch}, pictures/s", number(rates["openvino"]), *peers])
    rates, faster = training["images_per_second"], training["speed_over_plain_pytorch"]
    rows.append(
        [
            "`pgtrain dcgan`, images/s, on a Xeon with AMX",
            number(rates["pgtrain"]["median"]),
            f"{number(rates['plain PyTorch']['median'])} ({factor(faster['pgtrain']['median'])})",
            "",
        ]
    )
    return table(["", "PokéGAN", "PyTorch eager", "PyTorch compiled, bf16"], rows)


def startup() -> str:
    """Tabulate whole processes from start to exit."""
    result = load("startup")
    peers = {name: "PyTorch + transformers" for name in (CHARIZARD, SENTENCE)}
    peers |= {'pgen image "Charizard" --device openvino': "PyTorch + transformers", "pgen --version": 'python -c ""'}
    rows = []
    for process, median in result["median_ms"].items():
        low, high = result["range_ms"][process]
        peer = peers.get(process)
        ratio = f"{result['ratios'][f'{process} over {peer}']:.2f}x {peer}" if peer else ""
        rows.append([f"`{process}`", f"{number(median)} ms", f"{number(low)} to {number(high)} ms", ratio])
    return table(["process", "median", "range", "time over"], rows)


def devices() -> str:
    """Tabulate processor time a picture on one thread."""
    median = load("devices")["median"]
    rows = [
        [f"`--device {name}`" if " " not in name else name]
        + [
            cell
            for batch in median.values()
            for cell in (
                f"{number(batch[name]['processor_ms_a_picture'])} ms",
                factor(batch[name]["over_pytorch"]) if name != "PyTorch eager" else "",
            )
        ]
        for name in median["batch 1"]
    ]
    return table(["generator", *(title for batch in median for title in (batch, "over PyTorch eager"))], rows)


def throughput(name: str, part: str) -> str:
    """Tabulate throughput by batch, and how many times as fast the measured device is."""
    result = load(name)
    rows = []
    for backend, label in BACKENDS.items():
        cells = []
        for batch in BATCHES:
            ratio = ratios(result, batch, part).get(backend)
            cells += [number(per_second(result, batch, part)[backend]), factor(ratio) if ratio else ""]
        rows.append([label, *cells])
    return table([part, *(title for batch in BATCHES for title in (f"batch {batch}", ""))], rows)


def limit(name: str) -> str:
    """Tabulate the share of the measured matrix product rate that the generator reaches."""
    reached = {
        (row["backend"], row["batch"]): row["fraction"]
        for row in load(name)["limit"]["reached"]
        if row["part"] == "generator"
    }
    rows = [
        [label, *(percent(reached[backend, batch]) for batch in BATCHES)]
        for backend, label in BACKENDS.items()
        if (backend, 1) in reached
    ]
    return table(["generator: share of the limit", *(f"batch {batch}" for batch in BATCHES)], rows)


def layers() -> str:
    """Tabulate where the generator's time goes in OpenVINO."""
    rows = [
        [kind, str(one["layers"]), f"{one['milliseconds']:.2f} ms", percent(one["share"])]
        for kind, one in load("layers")["kinds"].items()
    ]
    return table(["layers", "number", "time", "share"], rows)


def parity(name: str) -> str:
    """Tabulate how close each backend's pictures are to the reference."""
    backends = load(name)["backends"]
    rows = [
        [label, *(f"{backends[backend]['parity'][part]['psnr_db']:.0f} dB" for part in ("generator", "end to end"))]
        for backend, label in BACKENDS.items()
        if backend in backends and backend != backends[backend]["parity"]["reference"]
    ]
    return table(["PSNR of the pictures", "from the same embeddings", "from text"], rows)


def training() -> str:
    """Tabulate images a second of training."""
    rows = []
    for recipe, result in load("training")["recipes"].items():
        rates, faster = result["images_per_second"], result["speed_over_plain_pytorch"]
        rows.append(
            [f"`{recipe}`, batch {result['batch']}"]
            + [number(rates[name]["median"]) for name in ("plain PyTorch", "pgtrain")]
            + [factor(faster[name]["median"]) for name in ("pgtrain", "pgtrain fp32", "pgtrain --compile")]
        )
    return table(["`pgtrain dcgan`", "plain loop", "pgtrain", "ratio", "in float32", "with `--compile`"], rows)


def training_stackgan() -> str:
    """Tabulate images a second of training stackgan, and where a step's time goes."""
    stages = load("stackgan_step")["stages"].values()
    rows = [
        ["plain loop, images/s", *(number(one["images_per_second"]["plain loop"]) for one in stages)],
        ["`pgtrain stackgan`, images/s", *(number(one["images_per_second"]["pgtrain"]) for one in stages)],
        ["ratio", *(factor(one["ratio"]["median"]) for one in stages)],
    ]
    parts = dict.fromkeys(part for one in stages for part in one["shares"])
    rows += [[f"share: {part}", *(percent(one["shares"].get(part, 0), 1) for one in stages)] for part in parts]
    return table(["bf16, batch 32", "stage I, adversarial", "stage II, adversarial"], rows)


def memory() -> str:
    """Tabulate the memory of large jobs with a small network."""
    rows = [
        [f"{job['pictures']:,}", f"{job['peak_mib']:.0f} MiB", number(job["pictures_per_s"])]
        for job in load("batches")["memory, small network"]
    ]
    return table(["pictures", "peak memory", "pictures/s"], rows)


def bulk_stats() -> str:
    """Tabulate rows of stats written in bulk."""
    rows = [
        [form, f"{int(count):,}", f"{job['peak_rss_mib']:.0f} MiB", f"{number(job['processor_seconds'])} s"]
        for form, jobs in load("bulk_stats")["formats"].items()
        for count, job in jobs.items()
    ]
    return table(["format", "rows", "peak memory", "processor time"], rows)


def install() -> str:
    """Tabulate what an installation takes."""
    result = load("install")["contenders"]
    rows = [
        [f"`{one['command']}`", f"{one['bytes'] / 1e6:,.0f} MB", str(one["packages"]), f"{one['seconds']:.0f} s"]
        for one in result.values()
    ]
    return table(["command", "on disk", "packages", "time (busy machine)"], rows)


def stats() -> str:
    """Tabulate the stats GAN beside other synthesizers."""
    contenders = {
        "pokegan": "PokéGAN",
        "tvae-tuned": "TVAE, tuned (SDV)",
        "gaussian-copula": "Gaussian copula (SDV)",
        "ctgan-tuned": "CTGAN, tuned (SDV)",
        "ctgan": "CTGAN, defaults (SDV)",
        "reference: held-out rows": "real, held out",
        "reference: resample": "real, resampled",
    }
    rows = []
    for name, label in contenders.items():
        mean = load("stats")["contenders"][name]["mean"]
        figures = [f"{mean['overall']:.3f}", f"{mean['two_sample_auc']:.2f}", f"{mean['tstr_auc']:.3f}"]
        shares = [f"{100 * mean[key]:.1f}".removesuffix(".0") + " %" for key in ("copies", "valid")]
        rows.append([label, *figures, f"{mean['total_distance']:.1f}", *shares])
    columns = ["SDMetrics overall", "two-sample AUC (0.5 is perfect)", "train on synthetic AUC", "distance of totals"]
    return table(["", *columns, "copies", "valid"], rows)


def recipes() -> str:
    """Tabulate each default recipe beside the original one."""
    rows = []
    for name, label in (("dcgan", "`dcgan`"), ("wgan", "`wgan`"), ("stackgan", "`stackgan --stage 1`")):
        system = load("recipes")["systems"][name]
        minutes = system["command"].rpartition(" ")[2]
        cells = [minutes]
        for network in ("imagenet", "artwork"):
            for recipe in ("default", "original"):
                figures = system[recipe] if network == "artwork" else system[recipe].get("imagenet")
                cells.append(f"{figures['kid']:.2f}" if figures else "not measured")
        rows.append([label, *cells])
    return table(
        ["", "minutes", "KID, photographs: default", "original", "KID, artwork network: default", "original"], rows
    )


def precision() -> str:
    """Tabulate size, parity and speed by precision."""

    def speed(one: dict[str, Any], batch: str) -> str:
        rate = one.get("per_second", {}).get(batch)
        return "{over_float32:.2f}x ({lowest:.2f} to {highest:.2f})".format(**rate) if rate else "-"

    def fidelity(one: dict[str, float]) -> str:
        return f"{one['psnr']:.1f} dB" if "psnr" in one else f"{one['cosine_lowest']:.5f}"

    def products(one: dict[str, Any]) -> str:
        counts = ", ".join(f"{count} {kind}" for kind, count in one["products"].items())
        return "does not run" if "cannot_run" in one else counts

    rows = [
        [
            model,
            f"`{name}`",
            f"{one['bytes'] / 1e6:.1f} MB",
            fidelity(one["parity"]),
            *(speed(one, batch) for batch in ("1", "16")),
            products(one),
        ]
        for model, precisions in load("precision")["models"].items()
        for name, one in precisions.items()
    ]
    return table(["model", "precision", "size", "parity", "batch 1", "batch 16", ""], rows)


def quality() -> str:
    """Tabulate every figure of the embedded bundle and of what it is compared with."""
    judged = load("quality")["judged"]
    return table(["figure", *judged, "real pictures"], lines(judged))


def quality_summary() -> str:
    """Tabulate the main figures of the embedded bundle."""
    judged = load("quality")["judged"]["embedded"]
    floor, described = judged["floor"], judged["described"]

    def shown(label: str, kind: str, prompts: dict[str, Any]) -> list[str]:
        figures = prompts[kind]
        return [label, percent(figures["found"]), f"{percent(figures['ceiling'])}; chance {percent(figures['floor'])}"]

    rows = [
        ["KID, 95 % interval", *(f"{at['kid_low']:.3f} to {at['kid_high']:.3f}" for at in (judged, floor))],
        [f"FID, {judged['fid_pictures']} pictures", f"{judged['fid']:.0f}", f"{floor['fid']:.0f}"],
        [f"own Pokémon in 10 nearest of {judged['real']:,}", percent(judged["retrieval"]["among_first_ten"]), "100 %"],
        shown("names: color", "color", judged["text"]),
        shown("names: type", "types", judged["text"]),
        shown("new combinations: color", "color", described["text"]["new"]),
        shown("new combinations: type", "types", described["text"]["new"]),
        [f"copies in {described['samples']:,} descriptions", str(described["copying"]["copies"]), "0"],
    ]
    return table(["", "embedded bundle", "real pictures"], rows)


def web() -> str:
    result = load("web")
    units = {"mb": "MB", "s": "s"}
    names = {
        "first_load_mb": "first visit: transfer until the first picture of a name",
        "first_picture_s": "later visits: from the link to the first picture",
        "further_picture_s": "each further picture",
        "first_sentence_more_s": "the first sentence of a visit, beyond a name",
        "memory_mb": "memory after 200 pictures",
    }
    runs = [later["runs"] for later in result["later_visits"]]
    rows = []
    for name, label in names.items():
        unit = units[name.rpartition("_")[2]]
        measured = [
            (value["median"] if isinstance(value, dict) else value)
            for later in result["later_visits"]
            if (value := later.get(name, result["targets"][name]["measured"])) is not None
        ]
        target = f"{result['targets'][name]['target']:g} {unit}"
        rows.append([label, *(f"{value:.3g} {unit}" for value in measured), target])
    return table(["", *runs, "target"], rows)


DAY = 24 * 3600
A_DAY = (1_000_000, 100_000_000)
"""Pictures per day that docs/scale.md computes with."""
PEAK, HEADROOM, GPU_SHARE = 3, 0.7, 0.1
"""Assumptions of docs/scale.md: busiest hour over the mean, planned load of machines, and the share of a GPU's peak
that the generator reaches."""
PER_VISIT = 20
"""Pictures of a visit to the static page, assumed."""
GPUS = {"T4": 65e12, "L4": 121e12, "H100 SXM": 989e12}
"""Dense fp16 operations per second, from NVIDIA's data sheets; for L4 and H100 half, as these count sparsity."""


def scale() -> str:
    """Tabulate the machines that pictures per day need, by the measured rates of two cores."""
    bench, serve = load("pgbench-without-amx"), load("serve")["load"]["served_over_offline"]
    rows = []
    for backend, label in (("openvino", BACKENDS["openvino"]), ("onnx-cpu", BACKENDS["onnx-cpu"])):
        rate = per_second(bench, 64, "end to end")[backend]
        hours = [f"{count / rate / 3600:,.1f} h" if count < 1e7 else f"{count / rate / 3600:,.0f} h" for count in A_DAY]
        planned = rate * serve * HEADROOM
        machines = [f"{ceil(PEAK * count / DAY / planned):,}" for count in A_DAY]
        rows.append([label, number(rate), *(cell for pair in zip(hours, machines, strict=True) for cell in pair)])
    titles = [title for count in A_DAY for title in (f"{count:,}: machine hours", "machines that serve")]
    return table(["two cores without AMX", "pictures/s", *titles], rows)


def scale_gpu() -> str:
    """Tabulate the GPUs that pictures per day would need, by the counted operations."""
    works = load("pgbench-without-amx")["limit"]["work"]
    operations = next(w["operations"] for w in works if (w["batch"], w["part"]) == (64, "end to end")) / 64
    rows = []
    for name, peak in GPUS.items():
        rate = GPU_SHARE * peak / operations
        counts = [f"{ceil(PEAK * count / DAY / (rate * HEADROOM)):,}" for count in A_DAY]
        rows.append([name, f"{peak / 1e12:,.0f} Top/s", f"{rate:,.0f}", *counts])
    return table(["GPU", "peak, fp16", "pictures/s (assumed)", *(f"GPUs for {count:,}" for count in A_DAY)], rows)


def scale_web() -> str:
    """Tabulate what the static page costs its host and its visitors."""
    result = load("web")
    first = result["targets"]["first_load_mb"]["measured"]
    slowest = result["targets"]["further_picture_s"]["measured"]
    rows = []
    for count in A_DAY:
        visits = count / PER_VISIT
        rows.append([f"{count:,}", f"{visits:,.0f}", f"{visits * first / 1e6:,.2f} TB", f"{PER_VISIT * slowest:.0f} s"])
    return table(["pictures per day", "first visits", "transfer", "processor time of each visitor"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "speed": speed,
    "startup": startup,
    "devices": devices,
    "throughput": lambda: throughput("pgbench", "generator"),
    "throughput-from-text": lambda: throughput("pgbench", "end to end"),
    "throughput-without-amx": lambda: throughput("pgbench-without-amx", "generator"),
    "throughput-from-text-without-amx": lambda: throughput("pgbench-without-amx", "end to end"),
    "limit": lambda: limit("pgbench"),
    "limit-without-amx": lambda: limit("pgbench-without-amx"),
    "layers": layers,
    "parity": lambda: parity("pgbench-without-amx"),
    "training": training,
    "training-stackgan": training_stackgan,
    "memory": memory,
    "bulk-stats": bulk_stats,
    "install": install,
    "stats": stats,
    "recipes": recipes,
    "precision": precision,
    "quality": quality,
    "quality-summary": quality_summary,
    "web": web,
    "scale": scale,
    "scale-gpu": scale_gpu,
    "scale-web": scale_web,
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
