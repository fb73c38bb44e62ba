"""`pgen serve` under load, on loopback: how fast, how steady, and who is left without an answer.

    python benchmarks/serve.py              # a quarter of an hour, on a machine that does nothing else
    python benchmarks/serve.py --only load,first --seconds 20

Writes benchmarks/results/serve.json, a part at a time; the other parts stay.

- load: clients that ask for pictures without a pause, each for known names and sentences in turn; latency, pictures a
  second, and those over the same pictures written by a process without a server, at the server's batch, in rounds
  before and after. The first seconds do not count.
- soak: the same for --soak minutes, with three clients that ask for films, rows and cards; the server's memory.
- overload: --crowd clients, more than can wait. Once they come again when Retry-After says, once after a fifth of a
  second whatever it says. Bound: the time in which as many pictures as can wait or be drawn are drawn at that pace.
- end: SIGTERM under load: who gets which answer. Then SIGKILL under load, and this program starts the server again at
  once, as a supervisor would: what is lost, and for how long.
- first: one picture on an idle server, from the request to the PNG, as the page asks for it; names and sentences.

The clients are one process with one thread (see benchmarks/load/clients.py), but they share the cores with the server:
both processor times are told, and what the clients use is missing from the pictures a second. Linux alone.
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

from committed import write
from load.clients import FRAMES, NO_ANSWER, OTHERS, Plan
from load.figures import GOOD, Asked, Window, latency, memory, outcomes, pictures, requests
from load.processes import Clients, Options, Server, ask, asking, offline, served
from load.prompts import sentence

from pgbench.measuring.environment import environment
from pgen.bundle.reader import EMBEDDED, open_bundle

RESULT = Path(__file__).parent / "results" / "serve.json"

TARGETS = {"served_over_offline": 0.8, "last_over_first": 1.05, "p99_over_bound": 1.5, "first_picture_ms": 500}
"""At least the first, at most the others."""

LEAD = 3.0
"""Seconds of load that do not count, or a quarter of what does where that is less."""

OFFLINE_ROUNDS = 5
"""Before, and as many after; together they last as long as the load."""

PUSHY = 0.2
"""Seconds after which a client comes again that does not wait as it is told."""

LONG = 600.0
"""Seconds for clients that are told to end, or find no server any more, long before."""

FIRST_PICTURES = 30
PNG = b"\x89PNG\r\n\x1a\n"


class Part:
    """What the parts share: how long, how many, and which server."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked, self.seconds, self.clients = asked, float(asked.seconds), int(asked.clients)
        self.names = list(open_bundle(asked.bundle).names)
        self.options = Options(asked.bundle, asked.device, asked.threads, asked.batch, asked.queue, asked.timeout)
        self.window = Window(min(LEAD, self.seconds / 4), self.seconds)

    def plan(self, server: Server, clients: int, seconds: float, **others: Any) -> Plan:
        """Tell the clients what to do."""
        return Plan(server.port, clients, seconds, self.names, **others)


def load(part: Part) -> dict[str, Any]:
    """Measure latency and rate, and relate the rate to that without a server."""
    each = part.seconds / (2 * OFFLINE_ROUNDS)
    rates = offline(part.options, part.names, OFFLINE_ROUNDS, each)
    with served(part.options) as server:
        before = server.counted()
        told = ask(part.plan(server, part.clients, sum(part.window)))
        after = server.counted()
    rates += offline(part.options, part.names, OFFLINE_ROUNDS, each)
    everything = requests(told)
    rate = pictures(part.window.ended(everything)) / part.seconds
    without = statistics.median(rates)
    took = {name: after[name] - before.get(name, 0) for name in after}
    return {
        "clients": part.clients,
        "seconds": part.seconds,
        "requests": len(everything),
        "errors": sum(one.outcome != GOOD for one in everything),
        "outcomes": outcomes(everything),
        **latency(part.window.begun(everything)),
        "pictures_per_s": round(rate, 2),
        "offline_pictures_per_s": round(without, 2),
        "offline_rounds": [round(one, 2) for one in rates],
        "served_over_offline": round(rate / without, 3),
        "pictures_a_batch": round(took["pokegan_batch_pictures_sum"] / took["pokegan_batch_pictures_count"], 2),
        "processor_s": {
            "clients": round(told["processor_s"], 2),
            "server": round(took["process_cpu_seconds_total"], 2),
        },
    }


def soak(part: Part) -> dict[str, Any]:
    """Watch the memory."""
    seconds = 60.0 * part.asked.soak
    lead, every = min(LEAD, seconds / 4), min(1.0, seconds / 60)
    samples: list[tuple[float, float]] = []
    with (
        served(part.options) as server,
        asking(part.plan(server, part.clients, lead + seconds, others=True)) as clients,
    ):
        time.sleep(lead)
        files = server.open_files()
        until = time.monotonic() + seconds - every  # then clients leave
        while clients.running and time.monotonic() < until:
            samples.append((time.monotonic(), server.memory_mib()))
            time.sleep(every)
        files_after = server.open_files()
        everything = requests(clients.told())
    return {
        "clients": part.clients,
        "minutes": part.asked.soak,
        "requests": len(everything),
        "errors": sum(one.outcome != GOOD for one in everything),
        "outcomes": outcomes(everything),
        "memory": memory(samples),
        "open_files": {"first": files, "last": files_after},
    }


def overload(part: Part) -> dict[str, Any]:
    """Send more clients than can wait."""
    return {
        "clients": part.asked.crowd,
        "they wait as told": crowded(part, None),
        f"they come again after {PUSHY} s": crowded(part, PUSHY),
    }


def crowded(part: Part, pause: float | None) -> dict[str, Any]:
    with served(part.options) as server:
        told = ask(part.plan(server, part.asked.crowd, sum(part.window), pause=pause))
    everything = requests(told)
    rate, found = pictures(part.window.ended(everything)) / part.seconds, outcomes(everything)
    bound = 1e3 * (part.options.queue + part.options.batch) / rate if rate else float("inf")
    accepted = latency(part.window.begun(everything))
    return {
        "outcomes": found,
        "errors": sum(count for outcome, count in found.items() if outcome not in (GOOD, "429")),
        "retry_after_s": told["retry_after"],
        "accepted": accepted,
        "pictures_per_s": round(rate, 2),
        "bound_ms": round(bound, 1),
        "p99_over_bound": round(accepted["p99_ms"] / bound, 3) if accepted else None,
        "timeout_ms": 1e3 * part.options.timeout,
    }


def end(part: Part) -> dict[str, Any]:
    """End the server while it is asked."""
    return {"clients": part.clients, "SIGTERM": terminated(part), "SIGKILL": killed(part)}


def terminated(part: Part) -> dict[str, Any]:
    # Without a connection the clients end by themselves.
    with served(part.options) as server, asking(part.plan(server, part.clients, LONG)) as clients:
        settle(part, clients)
        told_at = time.monotonic()
        code = server.end()
        took = time.monotonic() - told_at
        everything = requests(clients.told())
    after = [one for one in everything if one.ended >= told_at]
    return {
        "exit_code": code,
        "seconds_to_end": round(took, 2),
        "on_their_way": outcomes(one for one in after if one.began < told_at),
        "sent_later": outcomes(one for one in after if one.began >= told_at),
        "without_an_answer": sum(one.outcome == NO_ANSWER for one in everything),
    }


def killed(part: Part) -> dict[str, Any]:
    with served(part.options) as server, asking(part.plan(server, part.clients, LONG, comes_back=True)) as clients:
        settle(part, clients)
        killed_at = time.monotonic()
        server.kill()
        with served(part.options, server.port) as again:
            settle(part, clients)
            clients.end()
            everything = requests(clients.told())
    after = [one for one in everything if one.ended >= killed_at]
    late = [one for one in after if one.began >= again.ready_at]
    return {
        "on_their_way": outcomes(one for one in after if one.began < killed_at),
        "sent_before_it_was_ready_again": outcomes(one for one in after if killed_at <= one.began < again.ready_at),
        "sent_later": outcomes(late),
        "seconds_until_ready": round(again.ready_at - killed_at, 2),
        "seconds_until_the_first_answer": first_good(after, killed_at),
        "errors_when_ready": sum(one.outcome != GOOD for one in late),
    }


def settle(part: Part, clients: Clients) -> None:
    """Let the clients ask for a while."""
    time.sleep(min(5.0, part.seconds))
    assert clients.running, "the clients have ended early"


def first_good(asked: list[Asked], since: float) -> float | None:
    """Seconds from `since` to the first good answer to what was sent after it."""
    ended = [one.ended for one in asked if one.began >= since and one.outcome == GOOD]
    return round(min(ended) - since, 2) if ended else None


def first(part: Part) -> dict[str, Any]:
    """Time one picture at a time, names and sentences in turn, on a connection that is open."""
    prompts: dict[str, Callable[[int], str]] = {
        "a stored name": lambda number: part.names[number % len(part.names)],
        "a sentence": sentence,
    }
    times: dict[str, list[float]] = {what: [] for what in prompts}
    with served(part.options) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        with contextlib.closing(connection):
            for number in range(FIRST_PICTURES):
                for what, prompt in prompts.items():
                    times[what].append(picture_ms(connection, prompt(number), number))
        ready = server.ready_s
    return {
        "pictures": FIRST_PICTURES,
        "median_ms": {what: round(statistics.median(taken), 1) for what, taken in times.items()},
        "max_ms": {what: round(max(taken), 1) for what, taken in times.items()},
        "seconds_from_start_to_ready": round(ready, 2),
    }


def picture_ms(connection: http.client.HTTPConnection, prompt: str, seed: int) -> float:
    began = time.perf_counter()
    connection.request("GET", f"/v1/images?{urlencode({'prompt': prompt, 'seed': seed})}")
    content = connection.getresponse().read()
    took = 1e3 * (time.perf_counter() - began)
    if not content.startswith(PNG):
        raise SystemExit(f"{prompt}: no PNG came: {content[:200]!r}")
    return took


PARTS: dict[str, Callable[[Part], dict[str, Any]]] = {
    "load": load,
    "soak": soak,
    "overload": overload,
    "end": end,
    "first": first,
}


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas (all of them)")
    parser.add_argument("--seconds", type=float, default=60, help="of load, and of each overload (60)")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--crowd", type=int, default=300, help="clients of the overload (300)")
    parser.add_argument("--soak", type=float, default=10, help="minutes (10)")
    parser.add_argument("--bundle", type=Path, default=EMBEDDED, help="folder of a bundle (the embedded one)")
    parser.add_argument("--out", type=Path, default=RESULT)
    server = parser.add_argument_group("what the server is told, its own defaults otherwise")
    server.add_argument("--device", default="auto")
    server.add_argument("--threads", type=int, default=0)
    server.add_argument("--batch", type=int, default=8)
    server.add_argument("--queue", type=int, default=128)
    server.add_argument("--timeout", type=float, default=30.0)
    return parser


def check(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> None:
    """Check what would make figures that mean something else."""
    for name in asked.only.split(","):
        if name not in PARTS:
            parser.error(f"--only: no such part: {name}; there are {', '.join(PARTS)}")
    if not (asked.seconds > 0 and asked.soak > 0 and asked.clients > len(OTHERS)):
        parser.error(f"--seconds and --soak have to be above 0, --clients above {len(OTHERS)}")
    if asked.clients + FRAMES > asked.queue:
        parser.error(
            f"--clients {asked.clients}: not all of them could wait; raise --queue to {asked.clients + FRAMES}"
        )
    if asked.crowd <= asked.queue + asked.batch:
        parser.error(f"--crowd {asked.crowd}: all of them can wait; raise it above {asked.queue + asked.batch}")
    if sys.platform != "linux":
        parser.error("this reads the memory of the server as Linux tells it, and runs there alone")


def main() -> None:
    """Measure the parts that were asked for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server and the clients end as well
    parser = arguments()
    asked = parser.parse_args()
    check(parser, asked)
    part = Part(asked)
    told: dict[str, Any] = json.loads(asked.out.read_text("utf-8")) if asked.out.is_file() else {}
    told |= {"command": "python benchmarks/serve.py", "targets": TARGETS}
    for name in asked.only.split(","):
        around = environment()
        told[name] = PARTS[name](part)
        told.setdefault("server", {})[name] = asdict(part.options) | {"bundle": open_bundle(asked.bundle).digest}
        around |= {"load_average_after": environment()["load_average"]}
        told.setdefault("environments", {})[name] = around
        write(asked.out, told)
        print(name, json.dumps(told[name]), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
