"""Results: tables, files, figures, comparison and history."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pgbench.cli import main
from pgbench.measuring.ratios import ratios
from pgbench.measuring.statistics import summary
from pgbench.measuring.timing import Measured, Turn
from pgbench.reporting.compare import compare, differences, history, losses, table
from pgbench.reporting.files import ResultInvalid, read, write
from pgbench.reporting.plot import output_unit, plot
from pgbench.reporting.render import markdown
from pgbench.reporting.tables import notes, tables
from pgbench.suite import SCHEMA
from tests.conftest import disk_full


def made(times: dict[str, float], cpu: str = "A CPU", at: str = "2026-01-01T00:00:00+00:00") -> dict[str, Any]:
    """A result of backends that take `times` seconds for a picture, give or take nothing."""
    measured = [
        {"batch": batch, "part": part, "backend": name}
        | summary(Measured([Turn([batch * seconds], 1)] * 5, 3, True), batch)
        for batch in (1, 8)
        for part in ("generator", "end to end")
        for name, seconds in times.items()
    ]
    subject = next(iter(times))
    same = {"reference": subject} | {key: {"psnr_db": 99.0, "same": True} for key in ("generator", "end to end")}
    about = {"runs_on": ["CPUExecutionProvider"], "arithmetic": "float32", "where": "cpu", "parity": same}
    peaks = [{"batch": batch, "process": 2**28, "gpu": None} for batch in (1, 8)]
    reached = [
        {"batch": 1, "part": "generator", "backend": name, "arithmetic": "float32", "operations_per_second": 5e10}
        | {"operations_per_byte": 90.0, "limit": 1e11, "bound": "products", "fraction": 0.5}
        for name in times
    ]
    given, withheld = ratios(measured, subject)
    nodes = [{"name": "conv", "operator": "Conv", "share": 0.5, "milliseconds": 1.0, "shape": [1, 4, 8, 8]}]
    return {
        "schema": SCHEMA,
        "time": at,
        "model": "stackgan.onnx",
        "bundle": "f" * 64,
        "backend": subject,
        "threads": 2,
        "seconds": 3.0,
        "rounds": 5,
        "backends": {name: deepcopy(about) | {"peak_memory": peaks} for name in times},
        "unavailable": {"tensorrt": "there is no GPU"},
        "cold_start": {name: {"what": "a process", "median_ms": 300.0} for name in times},
        "measurements": measured,
        "ratios": given,
        "no_ratio": withheld,
        "limit": {
            "rates": {"cpu": {"float32": 1e11, "copy": 1e10}},
            "reached": reached,
            "slowest_nodes": {"batch": 8, "runs_on": ["CPUExecutionProvider"], "parts": {"generator": nodes}},
        },
        "energy_missing": {"cpu": "no counter"},
        "environment": {"cpu": cpu, "cores": 2, "features": ["avx2"], "governor": None, "gpu": None, "driver": None}
        | {"system": "Linux", "python": "3.11", "packages": {"numpy": "2"}, "revision": "abcdef0123"}
        | {"load_average": [0.5, 0.5, 0.5], "load_average_after": [0.7, 0.5, 0.5]},
    }


@pytest.fixture
def result() -> dict[str, Any]:
    return made({"onnx-cpu": 0.01, "torch": 0.025})


@pytest.fixture
def stored(result: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "one.json"
    write(path, json.dumps(result))
    return path


def test_ratios_are_over_the_other_backends(result: dict[str, Any]) -> None:
    assert {(entry["of"], entry["over"], entry["ratio"]) for entry in result["ratios"]} == {("onnx-cpu", "torch", 2.5)}


@pytest.mark.parametrize(
    ("changed", "backend", "why"),
    [
        ({"settled": False}, "torch", "torch did not settle"),
        ({"settled": False}, "onnx-cpu", "onnx-cpu did not settle"),
        ({"p50_ms": 30.0}, "torch", "torch took longer than from end to end, of which it is a part"),
        ({"turn_medians_ms": [20.0, 20.0, 30.0, 40.0, 50.0]}, "torch", "95 % interval too wide (2 to 5)"),
    ],
)
def test_doubtful_ratio_is_withheld_with_the_reason(
    result: dict[str, Any], changed: dict[str, Any], backend: str, why: str
) -> None:
    result["measurements"][["onnx-cpu", "torch"].index(backend)] |= changed
    given, withheld = ratios(result["measurements"], "onnx-cpu")
    assert withheld == [{"batch": 1, "part": "generator", "of": "onnx-cpu", "over": "torch", "why": why}]
    assert {(one["batch"], one["part"]) for one in given} == {(1, "end to end"), (8, "generator"), (8, "end to end")}
    result |= {"ratios": given, "no_ratio": withheld}
    assert f"no ratio over torch, batch 1, generator: {why}" in list(notes(result))


def test_notes_name_other_programs_and_ways_of_waiting(result: dict[str, Any]) -> None:
    result["environment"]["others"] = [{"program": "browser", "share": 0.431}]
    result["backends"]["torch"]["waiting"] = "passive"
    written = list(notes(result))
    assert "other programs used the processors during the run: browser 43 %" in written
    assert "thread wait policy, the faster of two: torch passive" in written


def test_markdown_holds_tables_and_notes(result: dict[str, Any]) -> None:
    text = markdown(tables(result), notes(result))
    for part in ("| generator | onnx-cpu |", "2.50 (2.50 to 2.50)", "99.0 dB", "256 / 256", "100 (products)", "50 %"):
        assert part in text
    for part in (
        "without tensorrt: there is no GPU",
        "no energy of the cpu: no counter",
        "A CPU",
        "before 0.5, after 0.7",
    ):
        assert part in text


def test_unstable_rows_and_wrong_pictures_are_marked(result: dict[str, Any]) -> None:
    result["measurements"][0]["stable"] = False
    result["backends"]["torch"]["parity"]["generator"] = {"psnr_db": 12.0, "same": False}
    text = markdown(tables(result), notes(result))
    assert "1 of 8 rows are unstable" in text
    assert "8 of 8 rows have few calls, under 30 in under 3 s" in text
    assert "| unstable, few |" in text
    assert "12.0 dB: NOT THE SAME" in text


def test_figure_is_the_same_every_time(result: dict[str, Any], tmp_path: Path) -> None:
    path = plot(result, tmp_path / "speed")
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert plot(result, tmp_path / "speed").read_bytes() == content


@pytest.mark.parametrize(("name", "file"), [("a.PNG", "a.PNG"), ("a", "a.png"), ("v1.2", "v1.2.png")])
def test_figure_file_ends_in_png(result: dict[str, Any], tmp_path: Path, name: str, file: str) -> None:
    assert plot(result, tmp_path / name) == tmp_path / file


@pytest.mark.parametrize(("part", "unit"), [("PNG", "pictures"), ("end to end", "rows")])
def test_figure_names_what_the_model_makes(result: dict[str, Any], part: str, unit: str) -> None:
    result["measurements"].append(result["measurements"][0] | {"part": part})
    assert output_unit(result) == unit


def test_a_figure_that_cannot_be_written_fails_before_anything_is_printed(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refused)
    done = CliRunner().invoke(main, ["show", str(stored), "--plot", str(tmp_path / "x")])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "x: cannot be written (Permission denied)" in done.stderr


def test_long_names_are_not_cut(tmp_path: Path) -> None:
    name = "a-model-with-a-name-" * 8
    for month in range(1, 10):
        text = made({"onnx-cpu": 0.01}, at=f"2026-0{month}-01T00:00:00+00:00")
        write(tmp_path / f"{month}.json", json.dumps(text | {"model": name}))
    done = CliRunner().invoke(main, ["history", str(tmp_path)])
    assert name in done.output
    assert "…" not in done.output


def test_slower_beyond_the_threshold_only(result: dict[str, Any]) -> None:
    same = compare(result, made({"onnx-cpu": 0.0108, "torch": 0.025}), threshold=1.1)
    assert not any(change.worse for change in same)
    worse = compare(result, made({"onnx-cpu": 0.012, "torch": 0.025}), threshold=1.1)
    assert {change.backend for change in worse if change.worse} == {"onnx-cpu"}
    assert worse[0].ratio == pytest.approx(1.2)


def test_an_uncertain_change_is_no_regression(result: dict[str, Any]) -> None:
    noisy = deepcopy(result)
    for entry in noisy["measurements"]:
        entry["turn_medians_ms"] = [
            value * factor for value, factor in zip(entry["turn_medians_ms"], (1, 1, 3, 3, 3), strict=True)
        ]
    assert compare(result, noisy, threshold=1.1)[0].ratio == pytest.approx(3)
    assert not any(change.worse for change in compare(result, noisy, threshold=1.1))


def test_ratios_hold_between_machines(result: dict[str, Any]) -> None:
    slower_machine = made({"onnx-cpu": 0.1, "torch": 0.25}, cpu="Another")
    assert all(change.worse for change in compare(result, slower_machine, 1.1))
    relative = compare(result, slower_machine, 1.1, relative=True)
    assert {(change.backend, change.worse) for change in relative} == {("onnx-cpu over torch", False)}
    assert "only ratios" in next(differences(result, slower_machine))


def test_history_is_in_order_and_skips_other_files(tmp_path: Path, result: dict[str, Any]) -> None:
    write(tmp_path / "b.json", json.dumps(made({"onnx-cpu": 0.02}, at="2026-02-01T00:00:00+00:00")))
    write(tmp_path / "z.json", json.dumps(result))
    write(tmp_path / "other.json", "[]")
    results = history(tmp_path)
    assert [column[:10] for column in results.columns[-2:]] == ["2026-01-01", "2026-02-01"]
    assert ["A CPU", "stackgan.onnx", "torch", "1", "generator", "25", "-"] in results.rows


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"schema": 1}',
        '{"schema": 999, "measurements": []}',
    ],
)
def test_file_without_result_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(ResultInvalid, match=r"x\.json"):
        read(path)


def test_a_result_is_read_as_it_was_written(result: dict[str, Any], stored: Path) -> None:
    assert read(stored) == result


def test_losses_lists_missing_rows_and_changed_pictures(result: dict[str, Any]) -> None:
    newer = made({"onnx-cpu": 0.01})
    newer["backends"]["onnx-cpu"]["parity"]["generator"] = {"psnr_db": 12.0, "same": False}
    lines = list(losses(result, newer))
    assert lines.count("MISSING: batch 8, end to end, torch was measured before and is not now") == 1
    assert sum(line.startswith("MISSING") for line in lines) == 4
    assert lines[4:] == ["NOT THE SAME: onnx-cpu, generator: pictures differ from those of onnx-cpu"]
    assert list(losses(newer, newer)) == [], "what was not the same before is no loss"
    assert list(losses(newer, result)) == [], "nor is what is new"


def test_changed_pictures_fail_a_comparison(result: dict[str, Any], stored: Path, tmp_path: Path) -> None:
    result["backends"]["torch"]["parity"]["end to end"]["same"] = False
    other = tmp_path / "other.json"
    write(other, json.dumps(result))
    done = CliRunner().invoke(main, ["compare", str(stored), str(other)])
    assert (done.exit_code, "NOT THE SAME: torch, end to end" in done.output) == (1, True)


@pytest.mark.parametrize("relative", [False, True])
def test_unstable_rows_are_marked_in_a_comparison(result: dict[str, Any], relative: bool) -> None:
    shaky = deepcopy(result)
    shaky["measurements"][0]["stable"] = False
    marks = [row[-1] for row in table(compare(result, shaky, 1.1, relative), 1.1).rows]
    assert marks == ["unstable", *[""] * (3 if relative else 7)]


def test_relative_comparison_needs_two_backends(result: dict[str, Any]) -> None:
    alone = made({"onnx-cpu": 0.01})
    for pair in ((alone, alone), (alone, result), (result, alone)):
        with pytest.raises(ResultInvalid, match="has only onnx-cpu"):
            compare(*pair, threshold=1.1, relative=True)


@pytest.mark.parametrize("value", ["nan", "inf", "0.9"])
def test_a_threshold_is_a_finite_number(stored: Path, value: str) -> None:
    done = CliRunner().invoke(main, ["compare", str(stored), str(stored), "--threshold", value])
    assert done.exit_code == 2
    assert "--threshold" in done.stderr


@pytest.mark.parametrize("value", ["nan", "inf", "-1"])
def test_seconds_are_a_finite_number(value: str) -> None:
    done = CliRunner().invoke(main, ["--seconds", value, "--bundle", "nowhere"])
    assert done.exit_code == 2
    assert "--seconds" in done.stderr


def test_a_broken_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    path.write_text("old")
    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(ResultInvalid, match="No space left"):
        write(path, "new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]
    assert path.read_text() == "old"


def test_the_commands_on_results(stored: Path, tmp_path: Path, result: dict[str, Any]) -> None:
    call = CliRunner().invoke
    assert "times as fast as" in call(main, ["show", str(stored)]).output
    assert call(main, ["show", str(stored), "--markdown"]).output.startswith("**stackgan.onnx, batch 1")
    assert call(main, ["compare", str(stored), str(stored)]).exit_code == 0
    slower = tmp_path / "slower.json"
    write(slower, json.dumps(made({"onnx-cpu": 0.02, "torch": 0.025})))
    done = call(main, ["compare", str(stored), str(slower), "--threshold", "1.5"])
    assert (done.exit_code, "SLOWER" in done.output) == (1, True)
    assert call(main, ["compare", str(stored), str(tmp_path / "none.json")]).exit_code == 2
    assert "2026-01-01" in call(main, ["history", str(tmp_path)]).output
    assert call(main, ["history", str(stored.parent / "nothing")]).exit_code == 2
