"""The static page in a browser, and what docs/scale.md computes from the measured rates."""

from math import ceil

from markdown_tables.results import BACKENDS, load, number, per_second
from pokegan.markdown import table

DAY = 24 * 3600
PER_DAY = (1_000_000, 100_000_000)
"""Pictures per day that docs/scale.md computes with."""

PEAK, HEADROOM, GPU_SHARE = 3, 0.7, 0.1
"""Assumptions of docs/scale.md: busiest hour over the mean, planned load of machines, and the share of a GPU's peak
that the generator reaches."""

PER_VISIT = 20
"""Pictures of a visit to the static page, assumed."""

GPUS = {"T4": 65e12, "L4": 121e12, "H100 SXM": 989e12}
"""Dense fp16 operations per second, from NVIDIA's data sheets; for L4 and H100 half, as these count sparsity."""


def web() -> str:
    """Tabulate what the static page costs a visitor, beside the targets."""
    result = load("web")
    units = {"mb": "MB", "s": "s"}
    labels = {
        "first_load_mb": "first visit: transfer until the first picture of a name",
        "first_picture_s": "later visits: from the link to the first picture",
        "further_picture_s": "each further picture",
        "first_sentence_more_s": "the first sentence of a visit, beyond a name",
        "memory_mb": "memory after 200 pictures",
    }
    visits = result["later_visits"]
    rows = []
    for name, label in labels.items():
        unit, target = units[name.rpartition("_")[2]], result["targets"][name]
        figures = [visit.get(name, target["measured"]) for visit in visits]
        medians = [figure["median"] if isinstance(figure, dict) else figure for figure in figures]
        rows.append([label, *(f"{median:.3g} {unit}" for median in medians), f"{target['target']:g} {unit}"])
    return table(["", *(visit["runs"] for visit in visits), "target"], rows)


def machines() -> str:
    """Tabulate the machines that pictures per day need, by the measured rates of two cores."""
    bench, served = load("pgbench-without-amx"), load("serve")["load"]["served_over_offline"]
    rows = []
    for backend in ("openvino", "onnx-cpu"):
        rate = per_second(bench, 64, "end to end")[backend]
        cells = [BACKENDS[backend], number(rate)]
        for count in PER_DAY:
            hours = count / rate / 3600
            cells += [
                f"{hours:,.1f} h" if count < 1e7 else f"{hours:,.0f} h",
                f"{ceil(PEAK * count / DAY / (rate * served * HEADROOM)):,}",
            ]
        rows.append(cells)
    titles = [title for count in PER_DAY for title in (f"{count:,}: machine hours", "machines that serve")]
    return table(["two cores without AMX", "pictures/s", *titles], rows)


def gpus() -> str:
    """Tabulate the GPUs that pictures per day would need, by the counted operations."""
    works = load("pgbench-without-amx")["limit"]["work"]
    operations = next(w["operations"] for w in works if (w["batch"], w["part"]) == (64, "end to end")) / 64
    rows = []
    for name, peak in GPUS.items():
        rate = GPU_SHARE * peak / operations
        counts = [f"{ceil(PEAK * count / DAY / (rate * HEADROOM)):,}" for count in PER_DAY]
        rows.append([name, f"{peak / 1e12:,.0f} Top/s", f"{rate:,.0f}", *counts])
    return table(["GPU", "peak, fp16", "pictures/s (assumed)", *(f"GPUs for {count:,}" for count in PER_DAY)], rows)


def visitors() -> str:
    """Tabulate what the static page costs its host and its visitors."""
    targets = load("web")["targets"]
    megabytes, seconds = (targets[name]["measured"] for name in ("first_load_mb", "further_picture_s"))
    rows = []
    for count in PER_DAY:
        visits = count / PER_VISIT
        transfer = f"{visits * megabytes / 1e6:,.2f} TB"
        rows.append([f"{count:,}", f"{visits:,.0f}", transfer, f"{PER_VISIT * seconds:.0f} s"])
    return table(["pictures per day", "first visits", "transfer", "processor time of each visitor"], rows)
