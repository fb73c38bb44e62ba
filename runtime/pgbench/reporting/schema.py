"""What of a result is read again, and whether a value is built like that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Shape = Any
"""A type; a dictionary of shapes by key; a list of one shape, for any number of them; a tuple for so many; or these:"""


@dataclass(frozen=True)
class Map:
    """A dictionary of any keys, whose values have one shape."""

    each: Shape


@dataclass(frozen=True)
class OneOf:
    """Any of several shapes."""

    shapes: Sequence[Shape]


def maybe(shape: Shape) -> OneOf:
    """Allow null too."""
    return OneOf((type(None), shape))


NUMBER = (int, float)
NUMBERS = OneOf(NUMBER)
INTERVAL = (NUMBERS, NUMBERS)

MEASUREMENT = {
    **dict.fromkeys(("batch", "calls"), int),
    **dict.fromkeys(("part", "backend"), str),
    **dict.fromkeys(("p50_ms", "p90_ms", "p99_ms", "max_ms", "per_second"), NUMBERS),
    **dict.fromkeys(("p50_interval_ms", "per_second_interval"), INTERVAL),
    "millijoules_each": Map(NUMBERS),
    **dict.fromkeys(("stable", "few"), bool),
    "turn_medians_ms": [NUMBERS],
}

PARITY = OneOf(({"same": bool, "psnr_db": NUMBERS}, {"same": bool, "equal": NUMBERS}, {"same": bool, "why": str}))

BACKEND = {
    "runs_on": [str],
    "arithmetic": str,
    "parity": {"reference": str, "generator": PARITY, "end to end": PARITY},
    "peak_memory": [{"process": maybe(int), "gpu": maybe(int)}],
}

REACHED = {
    "batch": int,
    **dict.fromkeys(("part", "backend", "arithmetic"), str),
    **dict.fromkeys(("operations_per_second", "operations_per_byte"), NUMBERS),
    **dict.fromkeys(("limit", "fraction"), maybe(NUMBERS)),
    "bound": maybe(str),
}

NODE = {"name": str, "operator": str, "share": NUMBERS, "milliseconds": NUMBERS, "shape": [int]}

LIMIT = {
    "rates": Map(Map(NUMBERS)),
    "reached": [REACHED],
    "slowest_nodes": {"batch": int, "runs_on": [str], "parts": Map([NODE])},
}

ENVIRONMENT = {
    **dict.fromkeys(("cpu", "system", "python"), str),
    "cores": int,
    "features": [str],
    **dict.fromkeys(("governor", "gpu", "driver", "revision"), maybe(str)),
    "packages": Map(str),
    **dict.fromkeys(("load_average", "load_average_after"), maybe([NUMBERS])),
}

RESULT = {
    **dict.fromkeys(("time", "model", "bundle", "backend"), str),
    "threads": int,
    "seconds": NUMBERS,
    "backends": Map(BACKEND),
    "unavailable": Map(str),
    "cold_start": maybe(Map({"what": str, "median_ms": NUMBERS})),
    "measurements": [MEASUREMENT],
    "ratios": [{"batch": int, "part": str, "over": str, "ratio": NUMBERS, "interval": INTERVAL}],
    "limit": maybe(LIMIT),
    "energy_missing": Map(str),
    "environment": ENVIRONMENT,
}
"""What `show`, `compare`, `history` and the figures read of a result; docs/benchmarks.md tells all that it holds."""


def faults(value: Any, shape: Shape, at: str = "") -> Iterator[str]:
    """Say where `value` is not built like `shape`, such as "measurements[3].p50_ms"."""
    if isinstance(shape, type):
        # JSON's true is no number, though Python's is.
        if not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool):
            yield at
    elif isinstance(shape, OneOf):
        if all(any(faults(value, each, at or "value")) for each in shape.shapes):
            yield at
    elif isinstance(shape, dict | Map):
        yield from _in_dictionary(value, shape, at)
    elif not isinstance(value, list) or (isinstance(shape, tuple) and len(value) != len(shape)):
        yield at
    else:
        shapes = shape * len(value) if isinstance(shape, list) else shape
        for number, (part, each) in enumerate(zip(value, shapes, strict=True)):
            yield from faults(part, each, f"{at}[{number}]")


def _in_dictionary(value: Any, shape: "dict[str, Shape] | Map", at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield at
        return
    shapes = dict.fromkeys(value, shape.each) if isinstance(shape, Map) else shape
    for key, each in shapes.items():
        place = f"{at}.{key}".removeprefix(".")
        if key in value:
            yield from faults(value[key], each, place)
        else:
            yield place


def contradictions(result: dict[str, Any]) -> Iterator[str]:
    """Say what a well-built result says twice and not alike, or not at all."""
    rows = result["measurements"]
    if not rows:
        yield "measurements"
    for number, row in enumerate(rows):
        turns, first = row["turn_medians_ms"], rows[0]["turn_medians_ms"]
        if not turns or len(turns) != len(first) or min(turns) <= 0:
            yield f"measurements[{number}].turn_medians_ms"
    if not result["backends"] or not {row["backend"] for row in rows} <= result["backends"].keys():
        yield "backends"
