"""The processes of the load test: the server, the clients, and the offline reference."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from load.clients import Plan
from pokegan.errors import last_line

PROCESS_TIMEOUT = 120.0
"""Seconds for a process to start or to exit."""

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "POKEGAN_API_KEY"}  # clients send no key
ENVIRONMENT["PYTHONPATH"] = os.pathsep.join(
    filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")))
)


@dataclass(frozen=True)
class Options:
    """Options of the server; bundle, device, threads and batch also apply offline."""

    bundle: Path
    device: str
    threads: int
    batch: int
    queue: int
    timeout: float


class Server:
    """A server in its own process.

    Attributes:
        ready_s: seconds from start to readiness.
        ready_at: time of readiness, by the monotonic clock.
    """

    def __init__(self, options: Options, log: IO[bytes], port: int = 0) -> None:
        line = [sys.executable, "-m", "pgen", "serve", "--port", str(port)]
        for name, value in asdict(options).items():
            line += [f"--{name}", str(value)]
        start, self._log = time.monotonic(), log
        self.process = subprocess.Popen(line, env=ENVIRONMENT, stderr=log)
        try:
            self.port = port or self._read_port()
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise
        self.ready_at = time.monotonic()
        self.ready_s = self.ready_at - start

    def _read_port(self) -> int:
        for _ in self._waiting("logged no port"):
            if match := re.search(r"listening on http://\S+:(\d+)", self.log):
                return int(match[1])
        raise AssertionError

    def _wait_until_ready(self) -> None:
        for _ in self._waiting("is not ready"):
            with contextlib.suppress(OSError):
                if self.get("/readyz")[0] == 200:
                    return

    def _waiting(self, what: str) -> Iterator[None]:
        end = time.monotonic() + PROCESS_TIMEOUT
        while self.process.poll() is None and time.monotonic() < end:
            yield
            time.sleep(0.02)
        raise SystemExit(f"the server {what}: {last_line(self.log)}")

    @property
    def log(self) -> str:
        """The log of the server."""
        return os.pread(self._log.fileno(), 2**16, 0).decode("utf-8", "replace")

    def get(self, path: str) -> tuple[int, bytes]:
        """Send a GET request on a new connection; return status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PROCESS_TIMEOUT)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def metrics(self) -> dict[str, float]:
        """Read the server's metrics without labels, by name."""
        lines = [line.split() for line in self.get("/metrics")[1].decode().splitlines()]
        return {name: float(value) for name, value in (line for line in lines if len(line) == 2)}

    def memory_mib(self) -> float:
        """Return the resident memory of the process."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def open_files(self) -> int:
        """Count the open files of the process, connections included."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def terminate(self) -> int:
        """Send SIGTERM, wait for the exit, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PROCESS_TIMEOUT)

    def kill(self) -> None:
        """Send SIGKILL and wait for the exit."""
        self.process.kill()
        self.process.wait(PROCESS_TIMEOUT)


@contextlib.contextmanager
def served(options: Options, port: int = 0) -> Iterator[Server]:
    """Run a server while the block lasts."""
    with tempfile.TemporaryFile() as log:
        server = Server(options, log, port)
        try:
            yield server
        finally:
            server.kill()


class Clients:
    """The clients, in one process."""

    def __init__(self, plan: Plan, out: IO[bytes]) -> None:
        line = [sys.executable, "-m", "load.clients"]
        self._out = out
        self.process = subprocess.Popen(line, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=out, text=True)
        assert self.process.stdin is not None
        with self.process.stdin as stdin:
            json.dump(asdict(plan), stdin)

    @property
    def running(self) -> bool:
        """Whether the clients are still sending requests."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Let the clients finish their requests and exit."""
        self.process.send_signal(signal.SIGTERM)

    def report(self) -> dict[str, Any]:
        """Wait for the exit and read the outcomes; see :class:`load.clients.Report`."""
        if self.process.wait():
            raise SystemExit("the clients failed")
        self._out.seek(0)
        report: dict[str, Any] = json.load(self._out)
        return report


@contextlib.contextmanager
def running_clients(plan: Plan) -> Iterator[Clients]:
    """Run clients, at most while the block lasts."""
    with tempfile.TemporaryFile() as out:  # a pipe would fill up
        clients = Clients(plan, out)
        try:
            yield clients
        finally:
            clients.process.kill()
            clients.process.wait()


def run_clients(plan: Plan) -> dict[str, Any]:
    """Run clients to the end of their plan and return their report."""
    with running_clients(plan) as clients:
        return clients.report()


def offline(options: Options, names: list[str], rounds: int, seconds: float) -> list[float]:
    """Generate and write the same images without a server; return the images per second of each round."""
    parameters = {name: value for name, value in asdict(options).items() if name in ("device", "threads", "batch")}
    parameters |= {"bundle": str(options.bundle), "names": names, "rounds": rounds, "seconds": seconds}
    line = [sys.executable, "-m", "load.offline"]
    done = subprocess.run(
        line, env=ENVIRONMENT, check=True, input=json.dumps(parameters), stdout=subprocess.PIPE, text=True
    )
    rates: list[float] = json.loads(done.stdout)
    return rates
