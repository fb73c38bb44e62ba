"""PyTorch beside the runtime, in a process of its own, so that this one never imports it.

The peer (``python -m pgexport.eager``) rebuilds the networks from the bundle's own weights, reads the
name of a target a line, runs it once, and answers with the seconds that took.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pgbench.measure import Target

NEEDED = ("torch", "transformers", "onnx", "pgexport")


def available() -> bool:
    """Tell whether a PyTorch peer could be started, without importing anything."""
    return all(find_spec(name) for name in NEEDED)


class PeerFailed(RuntimeError):
    """The peer stopped; its message says why."""


class Peer:
    """A running peer; use it as a context manager."""

    def __init__(self, bundle: Path, batch: int, threads: int) -> None:
        command = [sys.executable, "-m", "pgexport.eager", str(bundle), str(batch), str(threads)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def __enter__(self) -> "Peer":
        self.facts = self._answer()
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.communicate()

    def target(self, name: str) -> Target:
        """Make a target that the peer runs."""

        def target() -> float:
            assert self.process.stdin
            print(name, file=self.process.stdin, flush=True)
            return float(self._answer()["seconds"])

        return target

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        assert self.process.stderr
        line = self.process.stdout.readline()
        if not line:
            reasons = self.process.stderr.read().strip().splitlines() or ["no message"]
            raise PeerFailed(reasons[-1])
        answer: dict[str, Any] = json.loads(line)
        return answer
