"""docs/export.md states the limits in the code and the measured figures."""

import json
from dataclasses import fields
from pathlib import Path

from pgexport.parity.tolerances import TOLERANCES, Tolerance
from pgexport.precision.quantize import INT8_COSINE, INT8_FAR, INT8_PSNR
from pgexport.targets.tensorrt.engines import CLOSE
from pgexport.tracing.opset import READERS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "export.md").read_text("utf-8")


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if "| `" in line]


def test_parity_limits_match_the_code() -> None:
    table = TEXT.partition("## Tolerances")[2].partition("Differences are of a channel")[0]
    documented = {}
    for storage, *cells in rows(table):
        numbers = [None if cell == "-" else float(cell.removesuffix(" dB")) for cell in cells]
        documented[storage.strip("`")] = numbers
    names = [field.name for field in fields(Tolerance) if field.name not in ("rows", "decided", "settled")]
    assert documented == {storage: [getattr(limits, name) for name in names] for storage, limits in TOLERANCES.items()}


def test_int8_and_engine_limits_match_the_code() -> None:
    table = TEXT.partition("Two more limits have another reference")[2].partition("Beyond a limit")[0]
    numbers = [
        [None if cell == "-" else float(cell.removesuffix(" dB")) for cell in cells[1:]] for cells in rows(table)
    ]
    psnrs = [[None, psnr, None, None] for psnr in (INT8_PSNR, INT8_PSNR - INT8_FAR)]
    engines = [[limits["pixels"], None, limits["cosine"], limits["equal"]] for limits in CLOSE.values()]
    assert numbers == [*psnrs, [None, None, INT8_COSINE, None], *engines]


def test_reader_opsets_match_the_code() -> None:
    table = TEXT.partition("## Who reads the graphs")[2]
    for reader, last in READERS.items():
        (row,) = [line for line in table.splitlines() if line.startswith(f"| {reader} ")]
        assert f"to {last}" in row.split("|")[2]


def test_precision_table_matches_the_results() -> None:
    models = json.loads((ROOT / "benchmarks" / "results" / "precision.json").read_text())["models"]
    table = rows(TEXT.partition("## Precisions")[2].partition("On the CPU provider")[0])
    assert [(row[0], row[1].strip("`")) for row in table] == [(name, key) for name in models for key in models[name]]
    for name, precision, size, _, *speeds, note in table:
        measured = models[name][precision.strip("`")]
        assert size == f"{measured['bytes'] / 1e6:.1f} MB"
        assert (note == "does not run") == ("cannot_run" in measured)
        for batch, speed in zip(("1", "16"), speeds, strict=True):
            rate = measured.get("per_second", {}).get(batch)
            expected = "{over_float32:.2f}x ({lowest:.2f} to {highest:.2f})".format(**rate) if rate else "-"
            assert speed == expected
