"""A result as a figure: latency and throughput against batch, and the roofline."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgbench.reporting.files import write
from pokegan.extras import needs_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Result = dict[str, Any]

PART = "end to end"
"""The part of which latency and throughput are plotted."""


def check() -> None:
    """Check that figures can be plotted.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    with needs_extra("plot"):
        import matplotlib  # noqa: F401


def plot(result: Result, path: Path) -> Path:
    """Write the figure of a result as PNG to `path`, which gets that ending if it has none; return the file.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    check()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        panels = 3 if result["limit"] else 2
        figure = Figure(figsize=(4.4 * panels, 3.8), layout="constrained")
        axes = figure.subplots(1, panels)
        _against_batch(axes[0], result, "p50_ms", "latency, ms a batch (p50)")
        _against_batch(axes[1], result, "per_second", f"throughput, {output_unit(result)} a second")
        axes[0].legend(fontsize=7)  # colors are the same in all panels
        if result["limit"]:
            _roofline(axes[2], result["limit"])
        machine = result["environment"]
        title = f"{result['model']} on {machine['gpu'] or machine['cpu']}, {result['threads']} threads"
        figure.suptitle(title, fontsize=10)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=150)
    path = path if path.suffix.lower() == ".png" else path.with_name(f"{path.name}.png")
    write(path, content.getvalue())
    return path


def output_unit(result: Result) -> str:
    """Return "pictures", or "rows" for a model whose outputs are not encoded as PNG."""
    return "pictures" if any(entry["part"] == "PNG" for entry in result["measurements"]) else "rows"


def _against_batch(axes: "Axes", result: Result, key: str, label: str) -> None:
    for number, backend in enumerate(result["backends"]):
        entries = [e for e in result["measurements"] if (e["backend"], e["part"]) == (backend, PART)]
        low, high = zip(
            *(entry[key.replace("_ms", "") + "_interval" + "_ms" * ("_ms" in key)] for entry in entries), strict=True
        )
        values = [entry[key] for entry in entries]
        errors = [
            [max(0, value - end) for value, end in zip(values, low, strict=True)],
            [max(0, end - value) for value, end in zip(values, high, strict=True)],
        ]
        batches = [entry["batch"] for entry in entries]
        axes.errorbar(batches, values, errors, marker="o", markersize=4, capsize=2, color=f"C{number}", label=backend)
    axes.set(xscale="log", yscale="log", xlabel="batch", title=f"{PART}: {label}")
    batches = sorted({entry["batch"] for entry in result["measurements"]})
    axes.set_xticks(batches, [str(batch) for batch in batches])
    axes.xaxis.minorticks_off()
    _plain_numbers(axes.yaxis)
    axes.grid(alpha=0.3)


def _roofline(axes: "Axes", limit: dict[str, Any]) -> None:
    """Plot rates against operations per byte, below the limits of memory copies and of each arithmetic."""
    intensities = [entry["operations_per_byte"] for entry in limit["reached"]]
    ends = [min(intensities) / 4, max(intensities) * 4]
    for rates in limit["rates"].values():
        for kind, rate in rates.items():
            if kind != "copy" and "copy" in rates:
                knee = rate / rates["copy"]
                points = sorted({ends[0], max(ends[0], min(knee, ends[1])), ends[1]})
                axes.plot(points, [min(rate, x * rates["copy"]) / 1e9 for x in points], color="0.6", linewidth=1)
                axes.annotate(kind, (ends[1], rate / 1e9), fontsize=7, color="0.4", ha="right", va="bottom")
    backends = list(dict.fromkeys(entry["backend"] for entry in limit["reached"]))
    for entry in limit["reached"]:
        if entry["part"] != PART:
            marker = {"encoder": "^", "generator": "o"}[entry["part"]]
            place = entry["operations_per_byte"], entry["operations_per_second"] / 1e9
            axes.plot(*place, marker, markersize=5, color=f"C{backends.index(entry['backend'])}")
    axes.set(xscale="log", yscale="log", xlabel="operations per byte", title="roofline: Gop/s (o generator, △ encoder)")
    _plain_numbers(axes.yaxis)
    _plain_numbers(axes.xaxis)
    axes.grid(alpha=0.3)


def _plain_numbers(axis: Any) -> None:
    """Label a logarithmic axis with 1, 2, 5, 10, ... instead of powers."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
