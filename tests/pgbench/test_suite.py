"""What a run decides before and between its measurements, with backends that are none."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgbench import suite
from pgbench.measuring.meters import Meters
from pgbench.measuring.timing import Turn
from pgbench.processes.backends import Opened
from pgbench.processes.client import BackendFailed, Process
from pgbench.suite import Progress, Settings
from pgen.errors import DeviceUnavailable, RequestInvalid

HERE = {"cpu": "float32", "torch": "float32", "torch-bf16": "bfloat16", "openvino": "bfloat16", "onnx-cpu": "float32"}
"""Backends that run in these tests."""


class Fake:
    """A backend's process that is none."""

    def __init__(self, name: str, opened: Opened | None = None, variables: object = None) -> None:
        if name not in HERE:
            raise DeviceUnavailable(f"{name}: not here")
        self.name = name
        self.questions: list[str] = []
        self.facts: dict[str, Any] = {"runs_on": ["CPUExecutionProvider"], "where": "cpu", "arithmetic": HERE[name]}
        self.facts |= {"model": "m.onnx", "bundle": "0" * 64}

    def ask(self, question: str, **details: Any) -> Any:
        self.questions.append(question)
        return {"parts": [], "memory": 1, "rates": {"copy": 1.0}}[question]

    def target(self, part: str, batch: int, energy: Any) -> Any:
        return lambda seconds: Turn([0.01] * 3, 3)

    @property
    def pid(self) -> int:
        return 0

    def __enter__(self) -> "Fake":
        return self

    def __exit__(self, *exception: object) -> None: ...

    def end(self) -> None: ...


class Complete(Fake):
    """A backend with three parts."""

    def ask(self, question: str, **details: Any) -> Any:
        return ["encoder", "generator", "PNG"] if question == "parts" else super().ask(question)


class Interrupted(Complete):
    """Its turns of the last part raise `ending`."""

    ending: BaseException

    def target(self, part: str, batch: int, energy: Any) -> Any:
        def turn(seconds: float) -> Turn:
            if part == "PNG":
                raise self.ending
            return Turn([0.01] * 3, 3)

        return turn


STEPS = Progress(Settings(), say=lambda message: None)
SETTINGS = Settings(device="cpu", versus="torch", batches=(1, 8), rounds=2, seconds=0.1)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[dict[str, Any], list[str]]]:
    """Run the suite on fake backends, with parts of it replaced; returns the result and the lines of progress."""

    def run(settings: Settings, process: type[Fake], **replaced: object) -> tuple[dict[str, Any], list[str]]:
        said: list[str] = []
        replaced = {"Process": process, "_compare": lambda backends, *_: {b.name: {} for b in backends}} | replaced
        for name, replacement in replaced.items():
            monkeypatch.setattr(suite, name, replacement)
        return suite.run(settings, progress=said.append), said

    return run


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*arguments: object) -> None:
        raise error

    return fail


ENDINGS = [
    (KeyboardInterrupt(), "SIGINT", 130),
    (SystemExit(143), "SIGTERM", 143),
    (suite.TimeLimitReached(60), "time limit", 0),
    (BackendFailed("torch: killed"), "torch: killed", 2),
]


def test_parts_outside_the_network_are_measured_in_one_backend(run: Any) -> None:
    rows = run(SETTINGS, Complete)[0]["measurements"]
    backends = {part: [row["backend"] for row in rows if row["part"] == part] for part in ("generator", "PNG")}
    assert backends == {"generator": ["onnx-cpu", "torch"] * 2, "PNG": ["onnx-cpu"] * 2}


@pytest.mark.parametrize(("ending", "ended_by", "code"), ENDINGS)
def test_rows_before_an_interruption_are_kept(run: Any, ending: BaseException, ended_by: str, code: int) -> None:
    result, said = run(SETTINGS, type("Ended", (Interrupted,), {"ending": ending}))
    assert [(row["part"], row["backend"]) for row in result["measurements"]] == [
        (part, name) for part in ("encoder", "generator") for name in ("onnx-cpu", "torch")
    ]
    assert (result["ended_by"], suite.exit_code(result["ended_by"])) == (ended_by, code)
    assert said[0] == "batch 1: encoder (1 of 6)"
    assert re.fullmatch(r"batch 1: PNG \(3 of 6, about \d:\d\d left\)", said[2])


@pytest.mark.parametrize("phase", ["limits", "_cold"])
@pytest.mark.parametrize(("ending", "ended_by", "code"), ENDINGS)
def test_rows_are_kept_where_limit_or_cold_start_is_interrupted(
    run: Any, phase: str, ending: BaseException, ended_by: str, code: int
) -> None:
    phases: dict[str, Any] = {
        "limits": lambda *_: {"rates": {}},
        "_cold": lambda *_: {"torch": {}},
        phase: raising(ending),
    }
    result, _ = run(replace(SETTINGS, limit=True, cold=True), Complete, **phases)
    assert len(result["measurements"]) == 10
    assert (result["ended_by"], result["cold_start"]) == (ended_by, None)
    assert (result["limit"] is None) == (phase == "limits")


@pytest.mark.parametrize("phase", ["start", "rows", "limits", "_cold"])
def test_time_limit_counts_from_the_start_and_holds_in_every_phase(
    run: Any, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    clock = 0.0

    def late(*arguments: object) -> dict[str, Any]:
        nonlocal clock
        clock = 100.0
        return {"rates": {}}

    class Slow(Complete):
        def __init__(self, name: str, opened: Opened | None = None, variables: object = None) -> None:
            super().__init__(name)
            if phase == "start":
                late()

        def target(self, part: str, batch: int, energy: Any) -> Any:
            if phase == "rows" and part == "generator":
                late()
            return super().target(part, batch, energy)

    monkeypatch.setattr("time.monotonic", lambda: clock)
    rated = iter([*[dict] * 2, late if phase == "limits" else dict])  # before, between and after two batches
    phases = {"limits": late, "_rate": lambda *_: next(rated)()}
    settings = replace(SETTINGS, time_limit=50, limit=True, cold=True)
    if phase == "start":
        with pytest.raises(RequestInvalid, match="time limit of 50 s: passed before a row was complete; allow more"):
            run(settings, Slow)
        return
    result, _ = run(settings, Slow, **phases)
    assert (result["ended_by"], result["cold_start"]) == ("time limit", None)
    assert result["measurements"]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["onnx-cpu", "torch-bf16", "torch"], "torch"),
        (["openvino", "torch-bf16", "onnx-cpu"], "onnx-cpu"),
        (["openvino", "torch-bf16"], "openvino"),
    ],
)
def test_reference_is_a_float32_backend_if_there_is_one(names: list[str], chosen: str) -> None:
    assert suite._reference([Fake(name) for name in names]).name == chosen  # type: ignore[misc]


def test_cold_starts_of_pytorch_are_pictures_too(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr("pgbench.cold_start.subprocess.run", lambda command, **options: commands.append(command[1:]))
    backends: Any = [Fake(name) for name in ("onnx-cpu", "torch")]
    compiled: Any = Fake("torch")
    compiled.name = "torch-compile"
    starts = suite._cold([*backends, compiled], Opened(Path("b")), lambda line: None, STEPS)
    assert set(starts) == {"onnx-cpu", "torch"}
    assert commands[0][:3] == ["-m", "pgexport.peers.cold_start", "prepare"]
    drawn = [command for command in commands if command[1:3] == ["pgexport.peers.cold_start", "draw"]]
    assert [command[5:] for command in drawn] == [["torch", "a red dragon 0"]] * 6
    assert {command[3] for command in drawn} == {commands[0][3]}, "all read what was prepared once"


@pytest.mark.parametrize("versus", ["torch,torch-cuda", "torch, torch-cuda", "all, torch-cuda"])
def test_backend_chosen_by_name_must_run(monkeypatch: pytest.MonkeyPatch, versus: str) -> None:
    monkeypatch.setattr(suite, "Process", Fake)
    settings = Settings(device="cpu", versus=versus)
    with ExitStack() as stack, pytest.raises(DeviceUnavailable, match="torch-cuda: not here"):
        suite._start(stack, settings, Opened(Path()), print, STEPS)


def test_backends_that_all_lacks_have_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "Process", Fake)
    with ExitStack() as stack:
        backends, unavailable = suite._start(stack, Settings(device="cpu", versus="all"), Opened(Path()), print, STEPS)
    assert [backend.name for backend in backends] == ["onnx-cpu", "openvino", "torch", "torch-bf16"]
    assert unavailable["torch-cuda"] == "not here"


def test_the_machine_is_rated_by_other_processes_than_the_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "Process", Fake)
    backends: Any = [Fake(name) for name in ("onnx-cpu", "torch", "torch-bf16")]
    with ExitStack() as stack:
        raters: Any = suite._raters(stack, backends, Opened(Path()))
        settings = Settings(batches=(1, 8))
        rates: dict[str, dict[str, float]] = {}
        peaks: suite.Peaks = {backend.name: [] for backend in backends}
        suite._measure(backends, raters, settings, Meters(), STEPS, [], peaks, rates)
    assert rates == {"cpu": {"copy": 1.0}}
    assert [rater.questions for rater in raters] == [["rates"] * 3] * 2
    assert not any("rates" in backend.questions for backend in backends)


@pytest.mark.parametrize("faster", ["default", "passive"])
def test_pytorch_waits_in_the_way_that_was_faster(monkeypatch: pytest.MonkeyPatch, faster: str) -> None:
    class Waiting(Fake):
        def __init__(self, name: str, opened: Opened, variables: dict[str, str]) -> None:
            super().__init__(name)
            self.way = "passive" if variables == {"OMP_WAIT_POLICY": "passive"} else "default"

        def target(self, part: str, batch: int, energy: Any) -> Any:
            assert (part, batch) == ("end to end", 8)
            return lambda seconds: Turn([0.01 if self.way == faster else 0.02])

    monkeypatch.setattr(suite, "Process", Waiting)
    chosen: Any = suite._fastest("torch", Opened(Path()), 8)
    other = {"default": "passive", "passive": "default"}[faster]
    assert (chosen.way, chosen.facts["waiting"]) == (faster, faster)
    assert chosen.facts["waiting_tried_ms"] == {faster: 10, other: 20}


@pytest.mark.parametrize(
    "said", ["Error: torch-cuda: there is no GPU", "there is no GPU", "torch-cuda: there is no GPU"]
)
def test_a_backend_is_named_once_where_it_fails(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    program = ["sh", "-c", f"echo '{said}' >&2"]
    monkeypatch.setattr("pgbench.processes.client.command", lambda name, opened: program)
    with pytest.raises(DeviceUnavailable) as failed:
        Process("torch-cuda", Opened(Path()))
    assert failed.value.message == "torch-cuda: there is no GPU"
