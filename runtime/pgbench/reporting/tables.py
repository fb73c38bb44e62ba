"""A result as tables of text, for the terminal and for Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pgbench.measuring.timing import FEW, SHORT

Result = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A title, names of columns, and rows of text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(result: Result) -> Iterator[Table]:
    """Arrange a result of :func:`pgbench.suite.run` in tables."""
    for batch in dict.fromkeys(entry["batch"] for entry in result["measurements"]):
        yield _timings(result, batch)
    yield from _ratios(result)
    yield _backends(result)
    if result["limit"]:
        yield from _limits(result["limit"])


def notes(result: Result) -> Iterator[str]:
    """Yield the notes that are printed below the tables."""
    if result.get("ended_by"):
        yield f"ended early ({result['ended_by']}): incomplete rows are left out"
    for name, why in result["unavailable"].items():
        yield f"without {name}: {why}"
    for meter, why in result["energy_missing"].items():
        yield f"no energy of the {meter}: {why}"
    rows = result["measurements"]
    if unstable := sum(not row["stable"] for row in rows):
        yield (
            f"{unstable} of {len(rows)} rows are unstable: they did not settle in the warm-up, or drifted by over 5 % "
            "afterwards"
        )
    if few := sum(row["few"] for row in rows):
        yield f"{few} of {len(rows)} rows have few calls, under {FEW} in under {SHORT:g} s; measure for longer"
    for entry in result.get("no_ratio", ()):
        yield f"no ratio over {entry['over']}, batch {entry['batch']}, {entry['part']}: {entry['why']}"
    policies = [f"{name} {facts['waiting']}" for name, facts in result["backends"].items() if "waiting" in facts]
    if policies:
        yield f"thread wait policy, the faster of two: {', '.join(policies)}"
    machine = result["environment"]
    hardware = [f"{machine['cpu']}, {machine['cores']} cores", " ".join(machine["features"])]
    hardware += [f"governor {machine['governor']}"] if machine["governor"] else []
    hardware += [f"{machine['gpu']}, driver {machine['driver']}"] if machine["gpu"] else []
    yield "; ".join(hardware)
    versions = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    revision = (machine["revision"] or "unknown")[:9]
    yield f"{machine['system']}, Python {machine['python']}, {versions}; revision {revision}"
    if others := machine.get("others"):
        shares = ", ".join(f"{other['program']} {100 * other['share']:.0f} %" for other in others)
        yield f"other programs used the processors during the run: {shares}"
    if machine["load_average"]:
        yield f"load average before {machine['load_average'][0]}, after {machine['load_average_after'][0]}"


def _timings(result: Result, batch: int) -> Table:
    entries = [entry for entry in result["measurements"] if entry["batch"] == batch]
    energies = list(dict.fromkeys(name for entry in entries for name in entry["millijoules_each"]))
    title = f"{result['model']}, batch {batch}, {result['threads']} threads, {result['seconds']:g} s a row"
    columns = ["", "backend", "calls", "p50 ms", "±", "p90", "p99", "max", "a second"]
    rows = [
        [
            entry["part"],
            entry["backend"],
            str(entry["calls"]),
            _short(entry["p50_ms"]),
            _within(entry["p50_ms"], entry["p50_interval_ms"]),
            *(_short(entry[key]) for key in ("p90_ms", "p99_ms", "max_ms", "per_second")),
            *(_short(entry["millijoules_each"].get(name)) for name in energies),
            ", ".join(["unstable"] * (not entry["stable"]) + ["few"] * entry["few"]),
        ]
        for entry in entries
    ]
    return Table(title, [*columns, *(f"mJ each ({name})" for name in energies), ""], rows)


def _ratios(result: Result) -> Iterator[Table]:
    if result["ratios"]:
        rows = [[str(entry["batch"]), entry["part"], entry["over"], interval(entry)] for entry in result["ratios"]]
        yield Table(f"times as fast as: {result['backend']} over", ["batch", "", "backend", "ratio (95 %)"], rows)


def _backends(result: Result) -> Table:
    rows = []
    for name, facts in result["backends"].items():
        parity = facts["parity"]
        cold = (result["cold_start"] or {}).get(name)
        memory = [f"{peak['process'] / 2**20:,.0f}" if peak["process"] else "-" for peak in facts["peak_memory"]]
        gpu = [f"{peak['gpu'] / 2**20:,.0f}" for peak in facts["peak_memory"] if peak["gpu"]]
        start = f"{cold['median_ms']:,.0f}" if cold else "-"
        alike = [_alike(parity[part]) for part in ("generator", "end to end")]
        rows.append([name, ", ".join(facts["runs_on"]), facts["arithmetic"], *alike])
        rows[-1] += [" / ".join(memory), " / ".join(gpu) or "-", start]
    reference = next(iter(result["backends"].values()))["parity"]["reference"]
    columns = ["backend", "runs on", "arithmetic", f"generator as {reference}", "from text"]
    return Table("backends", [*columns, "peak MiB, by batch", "GPU MiB", "cold start ms"], rows)


def _alike(parity: dict[str, Any]) -> str:
    if "why" in parity:
        return f"NOT: {parity['why']}"
    likeness = f"{parity['psnr_db']} dB" if "psnr_db" in parity else f"{100 * parity['equal']:g} %"
    return likeness if parity["same"] else f"{likeness}: NOT THE SAME"


def _limits(limit: dict[str, Any]) -> Iterator[Table]:
    rates = [
        [processor, kind, f"{rate / 1e9:,.0f} {'GB/s' if kind == 'copy' else 'Gop/s'}"]
        for processor, by_kind in limit["rates"].items()
        for kind, rate in by_kind.items()
    ]
    yield Table("peak rates of the machine (highest measured)", ["", "", "rate"], rates)
    reached = [
        [
            str(entry["batch"]),
            entry["part"],
            entry["backend"],
            entry["arithmetic"],
            f"{entry['operations_per_second'] / 1e9:,.1f}",
            f"{entry['operations_per_byte']:.0f}",
            f"{entry['limit'] / 1e9:,.0f} ({entry['bound']})" if entry["limit"] else "not measured",
            f"{100 * entry['fraction']:.0f} %" if entry["fraction"] is not None else "-",
        ]
        for entry in limit["reached"]
    ]
    columns = ["batch", "", "backend", "arithmetic", "Gop/s", "op/byte", "limit", "reached"]
    yield Table("share of the limit", columns, reached)
    profiled = limit["slowest_nodes"]
    for part, nodes in profiled["parts"].items():
        title = f"slowest nodes: {part}, batch {profiled['batch']}, in ONNX Runtime on {profiled['runs_on'][0]}"
        yield Table(title, ["node", "operator", "output", "ms", "share"], [_node(node) for node in nodes])


def _node(node: dict[str, Any]) -> list[str]:
    shape, share = "x".join(map(str, node["shape"])), f"{100 * node['share']:.0f} %"
    return [node["name"], node["operator"], shape, _short(node["milliseconds"]), share]


def interval(entry: dict[str, Any]) -> str:
    """Format a ratio with its interval."""
    low, high = entry["interval"]
    return f"{entry['ratio']:.2f} ({low:.2f} to {high:.2f})"


def _within(value: float, ends: Sequence[float]) -> str:
    """Format an interval as the relative distance of its farther end; the JSON has both ends."""
    return f"{100 * max(abs(end - value) for end in ends) / value:.0f} %"


def _short(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
