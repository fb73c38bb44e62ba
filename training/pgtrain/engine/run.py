"""The folder of a run: configuration, metrics, grids and checkpoint of one training."""

import dataclasses
import io
import json
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgtrain.errors import RunExists, RunInvalid, RunNotFound
from pokegan.errors import one_line, write_remedy
from pokegan.files import atomic_write
from pokegan.revision import revision

if TYPE_CHECKING:
    from PIL.Image import Image

    from pgtrain.engine.system import Data

try:
    import fcntl
except ImportError:  # Windows, where runs are not locked
    fcntl = None  # type: ignore[assignment]

CONFIG = "config.json"
CHECKPOINT = "checkpoint.safetensors"
EVALUATION = "metrics.json"
REPORT = ("report.html", "MODEL_CARD.md", "curves.svg", "timelapse.gif", "timelapse.mp4")
"""The files that ``pgtrain report`` writes."""

PACKAGES = ("pokegan", "torch", "transformers", "accelerate", "numpy")
FIELDS: dict[str, Any] = {
    "system": str,
    "encoder": str | None,
    "seed": int,
    "epochs": int,
    "accumulate": int,
    "config": dict,
    "data": dict,
    "versions": dict,
    "revision": str | None,
}
"""The fields of a run's config.json and their types."""

DATA_FIELDS: dict[str, Any] = {"examples": int, "digest": str, "names": list}
"""The fields that every run has under "data", and their types."""

Sources = str | Path | Sequence[str | Path] | None
"""The data sets of a run; None for the default one."""


def _listed(sources: Sources) -> list[str] | None:
    """List the data sets, files by their absolute paths, so that a run can be resumed from another folder."""
    if sources is None:
        return None
    names = [sources] if isinstance(sources, str | Path) else sources
    return [str(Path(name).resolve()) if Path(name).exists() else str(name) for name in names]


class Run:
    """Paths and small files of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def dated(cls, system: str) -> "Run":
        """Name a new folder under runs/ by date, time and system."""
        return cls(Path("runs") / f"{datetime.now():%Y-%m-%d_%H%M%S}_{system}")

    @property
    def checkpoint(self) -> Path:
        """The path of the checkpoint."""
        return self.folder / CHECKPOINT

    def create(
        self,
        system: str,
        encoder: str | None,
        seed: int,
        epochs: int,
        accumulate: int,
        config: Any,
        data: "Data",
        hold_out: float = 0.0,
        sources: Sources = None,
    ) -> None:
        """Make the folder and write config.json: system, resolved configuration, data, versions and revision.

        Raises:
            RunExists: the folder holds a run already.
        """
        if (self.folder / CONFIG).exists():
            raise RunExists(f"{self.folder}: holds a run already; resume it, or choose another folder")
        self.make_folder(self.folder / "grids")
        described = {
            "system": system,
            "encoder": encoder,
            "seed": seed,
            "epochs": epochs,
            "accumulate": accumulate,
            "config": dataclasses.asdict(config),
            "data": data.identity | {"examples": len(data), "names": data.names, "hold_out": hold_out},
            "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
            "revision": revision(),
            "sources": _listed(sources),
        }
        self.write(CONFIG, json.dumps(described, indent=1, ensure_ascii=False))

    def extend(self, epoch: int, epochs: int, config: Any, sources: Sources) -> None:
        """Record that the run is resumed after `epoch`, to `epochs` in total, with the learning rates of `config`.

        Changed learning rates are listed under "changes", and the data sets under "sources".
        """
        described = json.loads((self.folder / CONFIG).read_bytes())
        before, now = described["config"], dataclasses.asdict(config)
        changes = [
            {"after_epoch": epoch, "option": name, "from": before[name], "to": value}
            for name, value in now.items()
            if name in before and value != before[name]
        ]
        described |= {"epochs": epochs, "config": now, "sources": _listed(sources)}
        described["changes"] = [*described.get("changes", []), *changes]
        self.write(CONFIG, json.dumps(described, indent=1, ensure_ascii=False))

    def sources(self) -> list[str] | None:
        """Return the data sets of the run; None for the default one, or if an older version did not record them."""
        sources: list[str] | None = json.loads((self.folder / CONFIG).read_bytes()).get("sources")
        return sources

    @contextmanager
    def training(self) -> Iterator[None]:
        """Lock the run while it is trained, so that no other process trains or exports it.

        The operating system releases the lock when this process ends. On file systems without locks there is none.

        Raises:
            RunInvalid: another process trains it.
        """
        handle = self._lock("LOCK_EX")
        if handle is None:
            raise RunInvalid(f"{self.folder}: is being trained by another process; wait, or choose another folder")
        try:
            yield
        finally:
            os.close(handle)

    def is_training(self) -> bool:
        """Whether a process trains the run at this moment."""
        handle = self._lock("LOCK_SH")
        if handle is not None:
            os.close(handle)
        return handle is None

    def _lock(self, kind: str) -> int | None:
        """Lock the folder and return the open handle; None where another process holds the lock."""
        if fcntl is None:
            return os.open(os.devnull, os.O_RDONLY)
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, getattr(fcntl, kind) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:
            pass
        return handle

    def make_folder(self, folder: Path) -> None:
        """Make `folder`; raise RunInvalid if that fails."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunInvalid(f"{folder}: cannot be made ({error.strerror}); choose another folder") from error

    def described(self) -> dict[str, Any]:
        """Read back what :meth:`create` wrote.

        Raises:
            RunNotFound: the folder holds no run.
            RunInvalid: its config.json is damaged.
        """
        path = self.folder / CONFIG
        if not path.is_file():
            raise RunNotFound(f"{path}: not found; choose the folder of a run")
        with _reading(path, "restore it or train again"):
            described: dict[str, Any] = json.loads(path.read_bytes())
            for values, kinds in ((described, FIELDS), (described["data"], DATA_FIELDS)):
                for name, kind in kinds.items():
                    if not isinstance(values[name], kind):
                        raise TypeError(f"{name} is {values[name]!r}")
            return {name: described[name] for name in FIELDS}

    def evaluation(self) -> dict[str, Any]:
        """Read the figures of `pgtrain evaluate`; empty before the first evaluation.

        Raises:
            RunInvalid: metrics.json is damaged.
        """
        path = self.folder / EVALUATION
        if not path.is_file():
            return {}
        with _reading(path, "evaluate the run again"):
            figures: dict[str, Any] = json.loads(path.read_bytes())
            if not isinstance(figures, dict):
                raise TypeError(f"{one_line(figures)} must be an object")
            return figures

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn errors of writing into the run, such as a full disk, into one line.

        Raises:
            RunInvalid: a file could not be written; checkpoints stay complete.
        """
        try:
            yield
        except OSError as error:
            reason = f"{error.filename or self.folder}: cannot be written ({error.strerror or error})"
            raise RunInvalid(f"{reason}; {write_remedy(error)} and try again (resume a training)") from error

    def log(self, metrics: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl."""
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")

    def rewind(self, epochs: int) -> None:
        """Remove metrics and grids after `epochs`: a run resumed from its checkpoint repeats those epochs.

        An incomplete last line, left by a killed process, is removed too, and so are reports of removed epochs.
        """
        entries = self.metrics()
        kept = [entry for entry in entries if entry["epoch"] <= epochs]
        if len(kept) < len(entries):
            for name in REPORT:
                (self.folder / name).unlink(missing_ok=True)
        self.write("metrics.jsonl", "".join(json.dumps(entry) + "\n" for entry in kept))
        for grid in self.grids():
            if not grid.stem.isdecimal() or int(grid.stem) > epochs:
                grid.unlink()

    def write(self, name: str, content: bytes | str) -> None:
        """Write a file of the run atomically, replacing an existing one."""
        atomic_write(self.folder / name, content)

    def write_picture(self, name: str, picture: "Image") -> None:
        """Write a picture as a PNG of the run, as :meth:`write` does."""
        encoded = io.BytesIO()
        picture.save(encoded, "PNG")
        self.write(name, encoded.getvalue())

    def grids(self) -> list[Path]:
        """List the grids of the epochs, oldest first."""
        return sorted((self.folder / "grids").glob("*.png"))

    def metrics(self) -> list[dict[str, Any]]:
        """Read metrics.jsonl, one entry per epoch; empty before the end of the first epoch.

        An incomplete last line, left by a killed process, is skipped.

        Raises:
            RunInvalid: another line is damaged.
        """
        path = self.folder / "metrics.jsonl"
        if not path.is_file():
            return []
        entries = []
        with _reading(path, "see its permissions"):
            lines = path.read_bytes().splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            if line.endswith(b"\n"):
                with _reading(f"{path}, line {number}", "restore or remove it"):
                    entry = json.loads(line)
                    if not isinstance(entry["epoch"], int) or not isinstance(entry["phase"], str):
                        raise TypeError(f"epoch is {entry['epoch']!r}, phase {entry['phase']!r}")
                    entries.append(entry)
        return entries


@contextmanager
def _reading(place: Path | str, remedy: str) -> Iterator[None]:
    """Turn errors of reading and parsing `place` into one line."""
    try:
        yield
    except OSError as error:
        raise RunInvalid(f"{place}: cannot be read ({error.strerror}); see its permissions") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunInvalid(f"{place}: damaged ({one_line(error)}); {remedy}") from error
