"""A result for people: one table and the environment it was measured in."""

from typing import Any

from rich.console import Console
from rich.table import Table


def show(result: dict[str, Any]) -> None:
    """Print a result of :func:`pgbench.suite.run`."""
    console = Console()
    console.print(_table(result))
    for name, ratio in result["speed_over_pytorch_eager"].items():
        console.print(f"{name}: {ratio:.2f}x the speed of PyTorch eager, same weights and threads")
    if result["without_pytorch_because"]:
        console.print(f"no PyTorch beside it: {result['without_pytorch_because']}")
    around = result["environment"]
    versions = ", ".join(f"{name} {found}" for name, found in around["packages"].items())
    console.print(f"{around['cpu']}, {around['cores']} cores ({' '.join(around['features'])}), {around['system']}")
    console.print(f"Python {around['python']}, {versions}; providers: {', '.join(result['providers'])}")
    if around["load_average"]:
        before, after = around["load_average"][0], around["load_average_after"][0]
        console.print(f"load average before {before}, after {after}")


def _table(result: dict[str, Any]) -> Table:
    title = f"batch {result['batch']}, {result['threads']} threads"
    table = Table("", "rounds", "p50 ms", "p90 ms", "p99 ms", "a second", title=title)
    for name, timing in result["timings"].items():
        times = (f"{timing[key]:.1f}" for key in ("p50_ms", "p90_ms", "p99_ms", "per_second"))
        table.add_row(name, str(timing["rounds"]), *times)
    return table
