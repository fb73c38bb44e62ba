"""`pgen serve` under load, on loopback: latency, throughput, memory, overload and shutdown.

    python benchmarks/serving/serve.py              # 15 minutes, on an otherwise idle machine
    python benchmarks/serving/serve.py --only load,first --seconds 20

Updates benchmarks/results/serve.json one part at a time; the other parts stay.

- load: closed-loop clients that request known names and sentences in turn; latency, throughput, and throughput relative
  to a process that writes the same images without a server at the same batch size, in rounds before and after. The
  first seconds are not measured.
- soak: the same for --soak minutes, with three clients that request animations, stats and cards; memory of the server.
- overload: --crowd clients, more than the queue holds, which retry after Retry-After, and in a second run after 0.2 s.
  The bound is the time to generate a full queue and a batch at the measured rate.
- end: SIGTERM under load: which requests get which response. SIGKILL under load, and an immediate restart: which
  requests are lost, and for how long.
- first: single requests to an idle server, as the page sends them; names and sentences.

All clients share one process with one thread (see benchmarks/serving/load/clients.py) and share the cores with the
server; the processor time of both is reported, because the server lacks what the clients use. Linux only.
"""

import argparse
import contextlib
import http.client
import json
import signal
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from load.clients import FRAMES, NO_ANSWER, OTHERS, Plan
from load.figures import GOOD, RequestRecord, Window, latency, memory, outcomes, pictures, requests
from load.processes import Clients, Options, Server, offline, run_clients, running_clients, served
from load.prompts import sentence

from pgbench.measuring.environment import environment, load_average
from pgbench.reporting.files import write_json
from pgen.bundle.reader import EMBEDDED, open_bundle

RESULT = Path(__file__).parents[1] / "results" / "serve.json"

TARGETS = {"served_over_offline": 0.8, "last_over_first": 1.05, "p99_over_bound": 1.5, "first_picture_ms": 500}
"""The first is a minimum, the others are maxima."""

LEAD = 3.0
"""Seconds of load before the measurement, or a quarter of the measurement if that is less."""

OFFLINE_ROUNDS = 5
"""Rounds before the load, and as many after; together they take as long as the load."""

IMPATIENT_SECONDS = 0.2
"""Seconds after which a client retries that ignores Retry-After."""

UNLIMITED = 600.0
"""Seconds for clients that are stopped, or lose the server, long before."""

FIRST_PICTURES = 30
PNG = b"\x89PNG\r\n\x1a\n"


class Benchmark:
    """What the parts share: duration, number of clients, and server options."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.seconds, self.clients = args, float(args.seconds), int(args.clients)
        self.names = list(open_bundle(args.bundle).names)
        self.options = Options(args.bundle, args.device, args.threads, args.batch, args.queue, args.timeout)
        self.window = Window(min(LEAD, self.seconds / 4), self.seconds)

    def plan(self, server: Server, clients: int, seconds: float, **others: Any) -> Plan:
        """Build the plan of the clients."""
        return Plan(server.port, clients, seconds, self.names, **others)


def load(benchmark: Benchmark) -> dict[str, Any]:
    """Measure latency and throughput, and compare the throughput with that without a server."""
    each = benchmark.seconds / (2 * OFFLINE_ROUNDS)
    rates = offline(benchmark.options, benchmark.names, OFFLINE_ROUNDS, each)
    with served(benchmark.options) as server:
        before = server.metrics()
        report = run_clients(benchmark.plan(server, benchmark.clients, sum(benchmark.window)))
        after = server.metrics()
    rates += offline(benchmark.options, benchmark.names, OFFLINE_ROUNDS, each)
    records = requests(report)
    rate = pictures(benchmark.window.ended(records)) / benchmark.seconds
    offline_rate = statistics.median(rates)
    increase = {name: after[name] - before.get(name, 0) for name in after}
    return {
        "clients": benchmark.clients,
        "seconds": benchmark.seconds,
        "requests": len(records),
        "errors": sum(record.outcome != GOOD for record in records),
        "outcomes": outcomes(records),
        **latency(benchmark.window.begun(records)),
        "pictures_per_s": round(rate, 2),
        "offline_pictures_per_s": round(offline_rate, 2),
        "offline_rounds": [round(offline_round, 2) for offline_round in rates],
        "served_over_offline": round(rate / offline_rate, 3),
        "pictures_a_batch": round(increase["pokegan_batch_pictures_sum"] / increase["pokegan_batch_pictures_count"], 2),
        "processor_s": {
            "clients": round(report["processor_s"], 2),
            "server": round(increase["process_cpu_seconds_total"], 2),
        },
    }


def soak(benchmark: Benchmark) -> dict[str, Any]:
    """Sample the memory of the server during a long run."""
    seconds = 60.0 * benchmark.args.soak
    lead, every = min(LEAD, seconds / 4), min(1.0, seconds / 60)
    samples: list[tuple[float, float]] = []
    with (
        served(benchmark.options) as server,
        running_clients(benchmark.plan(server, benchmark.clients, lead + seconds, others=True)) as clients,
    ):
        time.sleep(lead)
        files = server.open_files()
        stop_at = time.monotonic() + seconds - every  # clients disconnect at the end
        while clients.running and time.monotonic() < stop_at:
            samples.append((time.monotonic(), server.memory_mib()))
            time.sleep(every)
        files_after = server.open_files()
        records = requests(clients.report())
    return {
        "clients": benchmark.clients,
        "minutes": benchmark.args.soak,
        "requests": len(records),
        "errors": sum(record.outcome != GOOD for record in records),
        "outcomes": outcomes(records),
        "memory": memory(samples),
        "open_files": {"first": files, "last": files_after},
    }


def overload(benchmark: Benchmark) -> dict[str, Any]:
    """Run more clients than the queue holds."""
    return {
        "clients": benchmark.args.crowd,
        "they wait as told": crowded(benchmark, None),
        f"they come again after {IMPATIENT_SECONDS} s": crowded(benchmark, IMPATIENT_SECONDS),
    }


def crowded(benchmark: Benchmark, retry_seconds: float | None) -> dict[str, Any]:
    with served(benchmark.options) as server:
        report = run_clients(
            benchmark.plan(server, benchmark.args.crowd, sum(benchmark.window), retry_seconds=retry_seconds)
        )
    records = requests(report)
    rate, counts = pictures(benchmark.window.ended(records)) / benchmark.seconds, outcomes(records)
    bound = 1e3 * (benchmark.options.queue + benchmark.options.batch) / rate if rate else float("inf")
    accepted = latency(benchmark.window.begun(records))
    return {
        "outcomes": counts,
        "errors": sum(count for outcome, count in counts.items() if outcome not in (GOOD, "429")),
        "retry_after_s": report["retry_after"],
        "accepted": accepted,
        "pictures_per_s": round(rate, 2),
        "bound_ms": round(bound, 1),
        "p99_over_bound": round(accepted["p99_ms"] / bound, 3) if accepted else None,
        "timeout_ms": 1e3 * benchmark.options.timeout,
    }


def end(benchmark: Benchmark) -> dict[str, Any]:
    """Terminate and kill the server under load."""
    return {"clients": benchmark.clients, "SIGTERM": terminated(benchmark), "SIGKILL": killed(benchmark)}


def terminated(benchmark: Benchmark) -> dict[str, Any]:
    # Clients that lose their connection end.
    with (
        served(benchmark.options) as server,
        running_clients(benchmark.plan(server, benchmark.clients, UNLIMITED)) as clients,
    ):
        settle(benchmark, clients)
        signaled_at = time.monotonic()
        code = server.terminate()
        seconds = time.monotonic() - signaled_at
        records = requests(clients.report())
    after = [record for record in records if record.ended >= signaled_at]
    return {
        "exit_code": code,
        "seconds_to_end": round(seconds, 2),
        "on_their_way": outcomes(record for record in after if record.started < signaled_at),
        "sent_later": outcomes(record for record in after if record.started >= signaled_at),
        "without_an_answer": sum(record.outcome == NO_ANSWER for record in records),
    }


def killed(benchmark: Benchmark) -> dict[str, Any]:
    with (
        served(benchmark.options) as server,
        running_clients(benchmark.plan(server, benchmark.clients, UNLIMITED, reconnect=True)) as clients,
    ):
        settle(benchmark, clients)
        killed_at = time.monotonic()
        server.kill()
        with served(benchmark.options, server.port) as restarted:
            settle(benchmark, clients)
            clients.stop()
            records = requests(clients.report())
    after = [record for record in records if record.ended >= killed_at]
    late = [record for record in after if record.started >= restarted.ready_at]
    return {
        "on_their_way": outcomes(record for record in after if record.started < killed_at),
        "sent_before_it_was_ready_again": outcomes(
            record for record in after if killed_at <= record.started < restarted.ready_at
        ),
        "sent_later": outcomes(late),
        "seconds_until_ready": round(restarted.ready_at - killed_at, 2),
        "seconds_until_the_first_answer": first_success(after, killed_at),
        "errors_when_ready": sum(record.outcome != GOOD for record in late),
    }


def settle(benchmark: Benchmark, clients: Clients) -> None:
    """Let the clients run for some seconds."""
    time.sleep(min(5.0, benchmark.seconds))
    assert clients.running, "the clients exited early"


def first_success(records: list[RequestRecord], since: float) -> float | None:
    """Return the seconds from `since` to the first successful response to a later request."""
    ended = [record.ended for record in records if record.started >= since and record.outcome == GOOD]
    return round(min(ended) - since, 2) if ended else None


def first(benchmark: Benchmark) -> dict[str, Any]:
    """Time single requests on one connection, names and sentences in turn."""
    prompts: dict[str, Callable[[int], str]] = {
        "a stored name": lambda number: benchmark.names[number % len(benchmark.names)],
        "a sentence": sentence,
    }
    times: dict[str, list[float]] = {kind: [] for kind in prompts}
    with served(benchmark.options) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        with contextlib.closing(connection):
            for number in range(FIRST_PICTURES):
                for kind, prompt in prompts.items():
                    times[kind].append(picture_ms(connection, prompt(number), number))
        ready = server.ready_s
    return {
        "pictures": FIRST_PICTURES,
        "median_ms": {kind: round(statistics.median(values), 1) for kind, values in times.items()},
        "max_ms": {kind: round(max(values), 1) for kind, values in times.items()},
        "seconds_from_start_to_ready": round(ready, 2),
    }


def picture_ms(connection: http.client.HTTPConnection, prompt: str, seed: int) -> float:
    start = time.perf_counter()
    connection.request("GET", f"/v1/images?{urlencode({'prompt': prompt, 'seed': seed})}")
    content = connection.getresponse().read()
    elapsed = 1e3 * (time.perf_counter() - start)
    if not content.startswith(PNG):
        raise SystemExit(f"{prompt}: not a PNG: {content[:200]!r}")
    return elapsed


PARTS: dict[str, Callable[[Benchmark], dict[str, Any]]] = {
    "load": load,
    "soak": soak,
    "overload": overload,
    "end": end,
    "first": first,
}


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas (all)")
    parser.add_argument("--seconds", type=float, default=60, help="duration of load and of each overload run (60)")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--crowd", type=int, default=300, help="clients of overload (300)")
    parser.add_argument("--soak", type=float, default=10, help="duration of soak, in minutes (10)")
    parser.add_argument("--bundle", type=Path, default=EMBEDDED, help="folder of the bundle (the embedded bundle)")
    parser.add_argument("--out", type=Path, default=RESULT)
    server = parser.add_argument_group("server options, with the server's defaults")
    server.add_argument("--device", default="auto")
    server.add_argument("--threads", type=int, default=0)
    server.add_argument("--batch", type=int, default=8)
    server.add_argument("--queue", type=int, default=128)
    server.add_argument("--timeout", type=float, default=30.0)
    return parser


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Reject options with which the results would mean something else."""
    for name in args.only.split(","):
        if name not in PARTS:
            parser.error(f"--only: unknown part {name}; choose from {', '.join(PARTS)}")
    if not (args.seconds > 0 and args.soak > 0 and args.clients > len(OTHERS)):
        parser.error(f"--seconds and --soak must be above 0, --clients above {len(OTHERS)}")
    if args.clients + FRAMES > args.queue:
        parser.error(
            f"--clients {args.clients}: the queue cannot hold all of them; raise --queue to {args.clients + FRAMES}"
        )
    if args.crowd <= args.queue + args.batch:
        parser.error(f"--crowd {args.crowd}: the queue holds all of them; raise it above {args.queue + args.batch}")
    if sys.platform != "linux":
        parser.error("Linux only: the memory of the server is read from /proc")


def main() -> None:
    """Measure the selected parts."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server and the clients exit too
    parser = argument_parser()
    args = parser.parse_args()
    check(parser, args)
    benchmark = Benchmark(args)
    results: dict[str, Any] = json.loads(args.out.read_text("utf-8")) if args.out.is_file() else {}
    results |= {"command": "python benchmarks/serving/serve.py", "targets": TARGETS}
    for name in args.only.split(","):
        measured_on = environment()
        results[name] = PARTS[name](benchmark)
        results.setdefault("server", {})[name] = asdict(benchmark.options) | {"bundle": open_bundle(args.bundle).digest}
        measured_on |= {"load_average_after": load_average()}
        results.setdefault("environments", {})[name] = measured_on
        write_json(args.out, results)
        print(name, json.dumps(results[name]), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
