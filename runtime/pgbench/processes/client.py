"""The parent's side of a backend's process: start it, send it requests, stop it."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from pgbench.measuring.timing import Energy, Target, Turn
from pgbench.processes.backends import Opened, command
from pgbench.processes.worker import Array
from pgen.errors import DeviceUnavailable
from pokegan.errors import PokeganError, last_line


class BackendFailed(PokeganError, RuntimeError):
    """A backend's process stopped; the message is the last line that it printed."""


class Process:
    """A running backend; use it as a context manager.

    Attributes:
        name: name of the backend.
        facts: what the model runs on, see :meth:`pgbench.processes.worker.Subject.facts`.
    """

    def __init__(self, name: str, opened: Opened, variables: Mapping[str, str] | None = None) -> None:
        """Start the process, with further environment variables.

        Raises:
            DeviceUnavailable: it cannot run here; the message says why.
        """
        self.name = name
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        self._folder = tempfile.TemporaryDirectory()
        try:
            self._process = subprocess.Popen(
                command(name, opened),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                env=os.environ | dict(variables or {}),
                start_new_session=True,  # Ctrl-C ends the measurements, and reaches no backend in the middle of them
            )
            self.facts: dict[str, Any] = self._answer()
        except BackendFailed as failure:
            self._clean()
            raise DeviceUnavailable(failure.message) from failure
        except BaseException:
            self._clean()
            raise

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._clean()

    @property
    def pid(self) -> int:
        """Process ID."""
        return self._process.pid

    def ask(self, method: str, **arguments: Any) -> Any:
        """Call a method of :class:`pgbench.processes.worker.Worker` in the process.

        Raises:
            BackendFailed: the process stopped.
        """
        assert self._process.stdin
        with suppress(BrokenPipeError):  # _answer reports why the process stopped
            print(json.dumps({"ask": method} | arguments), file=self._process.stdin, flush=True)
        return self._answer()

    def inputs(self, batch: int) -> Path:
        """Write the model's inputs for `batch` texts and seeds into a file, which is removed with the process."""
        path = Path(self._folder.name) / "inputs.npz"
        self.ask("inputs", path=str(path), batch=batch)
        return path

    def draw(self, inputs: Path | None, batch: int) -> Array:
        """Run the model on the file `inputs`, or on inputs of its own for None; the first output, uint8."""
        path = Path(self._folder.name) / "drawn.npy"
        self.ask("draw", path=str(path), inputs=inputs and str(inputs), batch=batch)
        drawn: Array = np.load(path)
        return drawn

    def target(self, part: str, batch: int, energy: Energy) -> Target:
        """Return a function that times one part for a turn."""

        def target(seconds: float) -> Turn:
            before = energy()
            times, calls = self.ask("turn", part=part, batch=batch, seconds=seconds)
            after = energy()
            return Turn(times, calls, {name: after[name] - before[name] for name in before})

        return target

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            message = last_line(self._errors.read()).removeprefix("Error: ")
            message = message.removeprefix(f"{self.name}: ")  # in messages that begin with the name
            raise BackendFailed(f"{self.name}: {message}")
        return json.loads(line)

    def _clean(self) -> None:
        self._errors.close()
        self._folder.cleanup()
