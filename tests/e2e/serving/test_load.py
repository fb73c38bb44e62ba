"""The load test of the server: its clients classify responses, and all parts run."""

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.toy import write_toy

pytest.importorskip("uvicorn", reason="needs the extra serve")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load test reads memory from /proc")

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"

PICTURE = json.dumps({"data": [{"b64_json": base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()}]}, separators=(",", ":"))

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "serving"))
    return import_module


def answer(status: str, body: str, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body)).encode()


ANSWERS = [
    (answer("200 OK", PICTURE), "200"),
    (answer("200 OK", "{}"), "200 with other content"),
    (answer("500 Internal Server Error", "{}"), "500"),
    (answer("504 Gateway Timeout", "{}"), "504"),
    (answer("429 Too Many Requests", "{}", "Retry-After: 0"), "429"),
    (answer("429 Too Many Requests", "{}"), "429 without Retry-After"),
    (answer("503 Service Unavailable", "{}", "retry-after: 0", "Connection: close"), "503"),
    (answer("200 OK", PICTURE)[:-1], "no answer"),
    (b"", "no answer"),
]


@pytest.mark.parametrize(("sent", "outcome"), ANSWERS)
def test_clients_classify_responses(part: Callable[[str], Any], sent: bytes, outcome: str) -> None:
    clients, heard = part("load.clients"), list[bytes]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        heard.append(await reader.readexactly(length))
        writer.write(sent)
        writer.close()

    async def scenario() -> tuple[str, float | None]:
        server = await asyncio.start_server(handle, "127.0.0.1")
        async with server:
            plan = clients.Plan(server.sockets[0].getsockname()[1], 1, 1, ["Redball"])
            client = clients.Client(plan, clients.PICTURE, clients.Report())
            result: tuple[str, float | None] = await client.once(0)
            client.close()
            return result

    assert asyncio.run(scenario())[0] == outcome
    assert json.loads(heard[0]) == {"prompt": "Redball", "seed": 0}


def test_client_without_a_server_ends_or_reconnects(part: Callable[[str], Any]) -> None:
    clients = part("load.clients")
    for reconnect, pause in ((False, None), (True, clients.RECONNECT_SECONDS)):
        plan = clients.Plan(1, 1, 1, ["Redball"], reconnect=reconnect)  # nobody listens on port 1
        client = clients.Client(plan, clients.PICTURE, clients.Report())
        assert asyncio.run(client.once(0)) == ("no connection", pause)


def test_latency_counts_successful_requests(part: Callable[[str], Any]) -> None:
    figures = part("load.figures")
    report = {"requests": [["picture", float(at), 10.0 * (at + 1), "200"] for at in range(10)]}
    report["requests"] += [["picture", 5.0, 9_000.0, "504"], ["film", 5.0, 10.0, "200"]]
    records = figures.requests(report)
    assert figures.outcomes(records) == {"200": 11, "504": 1}
    assert figures.latency(records)["max_ms"] == 100
    window = figures.Window(2.0, 5.0)  # from 2 to 7 s
    assert [(len(some), figures.pictures(some)) for some in (window.ended(records), window.begun(records))] == [
        (6, 5),
        (7, 5),
    ]


@pytest.mark.parametrize(("growth", "ratio"), [(0.0, 1.0), (0.1, 1.52)])
def test_growing_memory_is_reported(part: Callable[[str], Any], growth: float, ratio: float) -> None:
    memory = part("load.figures").memory([(float(second), 100 + growth * second) for second in range(601)])
    assert memory["last_over_first"] == pytest.approx(ratio, abs=0.02)
    assert memory["slope_after_the_first_mib_a_minute"] == pytest.approx(60 * growth)
    assert memory["window_s"] == 60


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--only", "load,nothing"], "--only: unknown part nothing; choose from load, soak"),
        (["--clients", "128"], "--clients 128: the queue cannot hold all of them; raise --queue to 136"),
        (["--crowd", "136"], "--crowd 136: the queue holds all of them; raise it above 136"),
        (["--seconds", "0"], "--seconds and --soak must be above 0"),
    ],
)
def test_meaningless_options_are_rejected(options: list[str], reason: str) -> None:
    line = [sys.executable, str(BENCHMARKS / "serving" / "serve.py"), *options]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_load_test_runs_completely(part: Callable[[str], Any], tmp_path: Path) -> None:
    out = tmp_path / "serve.json"
    line = [
        sys.executable,
        str(BENCHMARKS / "serving" / "serve.py"),
        "--bundle",
        str(write_toy(tmp_path / "toy")),
        "--out",
        str(out),
    ]
    line += ["--seconds", "1", "--clients", "4", "--crowd", "40", "--queue", "16", "--soak", "0.02"]
    subprocess.run([*line, "--device", "cpu", "--threads", "1"], check=True, capture_output=True)
    results = json.loads(out.read_text("utf-8"))
    assert [results[name]["errors"] for name in ("load", "soak")] == [0, 0]
    load, end = results["load"], results["end"]
    assert load["outcomes"] == {"200": load["requests"]}
    assert 0 < load["p50_ms"] <= load["p90_ms"] <= load["p99_ms"] <= load["max_ms"]
    assert load["served_over_offline"] == pytest.approx(load["pictures_per_s"] / load["offline_pictures_per_s"], 0.01)
    assert len(load["offline_rounds"]) == 10
    assert 1 <= load["pictures_a_batch"] <= 8
    assert results["soak"]["memory"]["last_over_first"] > 0
    for manner in ("they wait as told", "they come again after 0.2 s"):
        crowd = results["overload"][manner]
        assert set(crowd["outcomes"]) == {"200", "429"}
        assert set(crowd["retry_after_s"]) <= {str(second) for second in range(1, 61)}
        assert (crowd["errors"], crowd["accepted"]["p99_ms"] < crowd["timeout_ms"]) == (0, True)
    assert (end["SIGTERM"]["exit_code"], end["SIGTERM"]["without_an_answer"]) == (0, 0)
    assert end["SIGKILL"]["errors_when_ready"] == 0
    assert end["SIGKILL"]["seconds_until_the_first_answer"] > 0
    assert end["SIGKILL"]["on_their_way"].keys() <= {"200", "no answer"}
    assert set(results["first"]["median_ms"]) == {"a stored name", "a sentence"}
    assert results["environments"].keys() == {"load", "soak", "overload", "end", "first"}
    plots = part("plots")
    assert all(len(bars) > 1 for bars in plots.serve(results).values())
    assert plots.environment(results)["cores"]
