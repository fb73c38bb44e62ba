"""The processes that the load test is made of: the server, the clients, and the same work offline."""

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

PATIENCE = 120.0
"""Seconds that a process is given to start, or to end."""

KEY = "POKEGAN_API_KEY"
"""With a key in the environment the server would ask the clients for it."""

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != KEY}
ENVIRONMENT["PYTHONPATH"] = os.pathsep.join(
    filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")))
)


@dataclass(frozen=True)
class Options:
    """How the server is started; the same holds offline."""

    bundle: Path
    device: str
    threads: int
    batch: int
    queue: int
    timeout: float


class Server:
    """A server in a process of its own.

    Attributes:
        ready_s: seconds from its start until it was ready.
        ready_at: when that was, by the monotonic clock.
    """

    def __init__(self, options: Options, log: IO[bytes], port: int = 0) -> None:
        line = [sys.executable, "-m", "pgen", "serve", "--port", str(port)]
        for name, value in asdict(options).items():
            line += [f"--{name}", str(value)]
        began, self._log = time.monotonic(), log
        self.process = subprocess.Popen(line, env=ENVIRONMENT, stderr=log)
        try:
            self.port = port or self._told_port()
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise
        self.ready_at = time.monotonic()
        self.ready_s = self.ready_at - began

    def _told_port(self) -> int:
        for _ in self._waiting("told no port"):
            if found := re.search(r"listening on http://\S+:(\d+)", self.log):
                return int(found[1])
        raise AssertionError

    def _wait_until_ready(self) -> None:
        for _ in self._waiting("is not ready"):
            with contextlib.suppress(OSError):
                if self.get("/readyz")[0] == 200:
                    return

    def _waiting(self, what: str) -> Iterator[None]:
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < until:
            yield
            time.sleep(0.02)
        told = (self.log.splitlines() or ["it told nothing"])[-1]
        raise SystemExit(f"the server {what}: {told}")

    @property
    def log(self) -> str:
        """What it has told."""
        return os.pread(self._log.fileno(), 2**16, 0).decode("utf-8", "replace")

    def get(self, path: str) -> tuple[int, bytes]:
        """Ask on a connection for this alone."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def counted(self) -> dict[str, float]:
        """Read its own figures that have no labels, by name."""
        lines = [line.split() for line in self.get("/metrics")[1].decode().splitlines()]
        return {name: float(value) for name, value in (line for line in lines if len(line) == 2)}

    def memory_mib(self) -> float:
        """Its resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def open_files(self) -> int:
        """Its open files, connections among them."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def end(self) -> int:
        """Tell it to end, and wait for that; gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End it by force."""
        self.process.kill()
        self.process.wait(PATIENCE)


@contextlib.contextmanager
def served(options: Options, port: int = 0) -> Iterator[Server]:
    """Serve while the block lasts."""
    with tempfile.TemporaryFile() as log:
        server = Server(options, log, port)
        try:
            yield server
        finally:
            server.kill()


class Clients:
    """The clients, in a process of their own."""

    def __init__(self, plan: Plan, out: IO[bytes]) -> None:
        line = [sys.executable, "-m", "load.clients"]
        self._out = out
        self.process = subprocess.Popen(line, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=out, text=True)
        assert self.process.stdin is not None
        with self.process.stdin as stdin:
            json.dump(asdict(plan), stdin)

    @property
    def running(self) -> bool:
        """Do they still ask?"""
        return self.process.poll() is None

    def end(self) -> None:
        """Let them stop asking."""
        self.process.send_signal(signal.SIGTERM)

    def told(self) -> dict[str, Any]:
        """Wait for their end, and read what became of their requests; see :class:`load.clients.Notes`."""
        if self.process.wait():
            raise SystemExit("the clients failed")
        self._out.seek(0)
        told: dict[str, Any] = json.load(self._out)
        return told


@contextlib.contextmanager
def asking(plan: Plan) -> Iterator[Clients]:
    """Let clients ask, while the block lasts at most."""
    with tempfile.TemporaryFile() as out:  # a pipe would fill up
        clients = Clients(plan, out)
        try:
            yield clients
        finally:
            clients.process.kill()
            clients.process.wait()


def ask(plan: Plan) -> dict[str, Any]:
    """Let clients ask until their plan ends; what became of their requests."""
    with asking(plan) as clients:
        return clients.told()


def offline(options: Options, names: list[str], rounds: int, seconds: float) -> list[float]:
    """Draw and write the same pictures without a server, in a process of its own; pictures a second of each round."""
    told = {name: value for name, value in asdict(options).items() if name in ("device", "threads", "batch")}
    told |= {"bundle": str(options.bundle), "names": names, "rounds": rounds, "seconds": seconds}
    line = [sys.executable, "-m", "load.offline"]
    done = subprocess.run(line, env=ENVIRONMENT, check=True, input=json.dumps(told), stdout=subprocess.PIPE, text=True)
    rates: list[float] = json.loads(done.stdout)
    return rates
