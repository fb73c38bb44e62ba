"""Speed, memory and size of what runs, beside PyTorch."""

from typing import Any

from markdown_tables.results import BACKENDS, factor, load, number, per_second, percent, ratios
from pokegan.markdown import table

CHARIZARD, SENTENCE = 'pgen image "Charizard" --out out.png', 'pgen image "a red fire dragon" --out out.png'
PYTORCH, PYTORCH_ALONE = "PyTorch + transformers", "PyTorch, text stored"
OPENED = "python, the model opened"
BATCHES = (1, 8, 64)


def summary() -> str:
    """Compare with PyTorch in one table: whole processes, warm generators, training."""
    processes, bench, training = load("startup"), load("pgbench-without-amx"), load("training")["recipes"]["default"]
    rows = []
    # The bundle stores the embedding of a name, so its peer reads one too.
    for process, peer in ((CHARIZARD, PYTORCH_ALONE), (SENTENCE, PYTORCH)):
        own, other = (f"{number(processes['median_ms'][name])} ms" for name in (process, peer))
        ratio = factor(1 / processes["ratios"][f"{process} over {peer}"])
        rows.append([f"`{process.removesuffix(' --out out.png')}`, start to exit", own, f"{other} ({ratio})", ""])
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
    plain = f"{number(rates['plain PyTorch']['median'])} ({factor(faster['pgtrain']['median'])})"
    rows.append(["`pgtrain dcgan`, images/s, on a Xeon with AMX", number(rates["pgtrain"]["median"]), plain, ""])
    return table(["", "PokéGAN", "PyTorch eager", "PyTorch compiled, bf16"], rows)


def startup() -> str:
    """Tabulate whole processes from start to exit."""
    result = load("startup")
    peers = {
        CHARIZARD: (PYTORCH_ALONE, OPENED),
        SENTENCE: (PYTORCH,),
        'pgen image "Charizard" --device openvino': (PYTORCH_ALONE,),
        "pgen --version": ('python -c ""',),
    }
    rows = []
    for process, median in result["median_ms"].items():
        low, high = result["range_ms"][process]
        ratios = (f"{result['ratios'][f'{process} over {peer}']:.2f}x {peer}" for peer in peers.get(process, ()))
        rows.append([f"`{process}`", f"{number(median)} ms", f"{number(low)} to {number(high)} ms", ", ".join(ratios)])
    return table(["process", "median", "range", "time over"], rows)


def devices() -> str:
    """Tabulate processor time a picture on one thread."""
    batches = load("devices")["median"]
    rows = []
    for name in batches["batch 1"]:
        cells = [name if name == "PyTorch eager" else f"`--device {name}`"]
        for backends in batches.values():
            ratio = factor(backends[name]["over_pytorch"]) if name != "PyTorch eager" else ""
            cells += [f"{number(backends[name]['processor_ms_a_picture'])} ms", ratio]
        rows.append(cells)
    return table(["generator", *(title for batch in batches for title in (batch, "over PyTorch eager"))], rows)


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
        [kind, str(spent["layers"]), f"{spent['milliseconds']:.2f} ms", percent(spent["share"])]
        for kind, spent in load("layers")["kinds"].items()
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
    rows = [
        [
            f"`{taken['command']}`",
            f"{taken['bytes'] / 1e6:,.0f} MB",
            str(taken["packages"]),
            f"{taken['seconds']:.0f} s",
        ]
        for taken in load("install")["contenders"].values()
    ]
    return table(["command", "on disk", "packages", "time (busy machine)"], rows)


def precision() -> str:
    """Tabulate size, parity and speed by precision."""
    rows = [
        [model, f"`{name}`", f"{measured['bytes'] / 1e6:.1f} MB", *_precision(measured)]
        for model, precisions in load("precision")["models"].items()
        for name, measured in precisions.items()
    ]
    return table(["model", "precision", "size", "parity", "batch 1", "batch 16", ""], rows)


def _precision(measured: dict[str, Any]) -> list[str]:
    parity, rates = measured["parity"], measured.get("per_second", {})
    fidelity = f"{parity['psnr']:.1f} dB" if "psnr" in parity else f"{parity['cosine_lowest']:.5f}"
    speeds = [
        "{over_float32:.2f}x ({lowest:.2f} to {highest:.2f})".format(**rates[batch]) if batch in rates else "-"
        for batch in ("1", "16")
    ]
    products = ", ".join(f"{count} {kind}" for kind, count in measured["products"].items())
    return [fidelity, *speeds, "does not run" if "cannot_run" in measured else products]
