"""Where the pictures of a command go, and what it prints meanwhile."""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import click
from click.core import ParameterSource

from pgen.backends.devices import describe_device, resolve
from pgen.images.grid import write_grid
from pgen.jobs.job import Job, write_one
from pokegan.progress import progress

STDOUT = Path("-")


@dataclass(frozen=True)
class Place:
    """Where to write: one file `out` ("-" is stdout), or a folder; one picture a file, or all as a grid."""

    out: Path | None = None
    out_dir: Path | None = None
    grid: bool = False
    columns: int | None = None

    def __post_init__(self) -> None:
        """Check what does not go together."""
        if self.out is not None and self.out_dir is not None:
            raise click.UsageError("say one place to write: --out FILE for one picture or a grid, or --out-dir DIR")
        if self.columns is not None and not self.grid:
            raise click.UsageError("--columns is for a grid: add --grid")
        if self.grid and self.out_dir is not None:
            raise click.UsageError("a grid is one file: name it with --out FILE")


class Written(Protocol):
    """A picture, a grid or a film that was written."""

    @property
    def file(self) -> Path:
        """Where it is; "-" is stdout."""
        ...

    @property
    def milliseconds(self) -> float:
        """What it cost."""
        ...

    def described(self) -> dict[str, Any]:
        """Tell how it was made, ready for JSON."""
        ...


@dataclass(frozen=True)
class Manner:
    """What to print: names of files, JSON, or nothing."""

    as_json: bool = False
    quiet: bool = False
    device: str = "auto"

    def __post_init__(self) -> None:
        """Check what does not go together."""
        if self.as_json and self.quiet:
            raise click.UsageError("--quiet prints nothing, and --json prints: leave one of them out")

    def on(self, device: str) -> "Manner":
        """Take the device of a job, and tell on stderr what ``auto`` has chosen: people alone, no pipe asked for it."""
        if device == "auto" and not self.quiet and sys.stderr.isatty():
            click.echo(describe_device(device), err=True)
        return replace(self, device=device)

    def tell(self, written: Written) -> None:
        """Print one file; nothing where the picture itself went to stdout."""
        if self.quiet or written.file == STDOUT or sys.stdout is None:
            return
        if self.as_json:
            click.echo(json.dumps(_described(written) | {"device": resolve(self.device)}))
        else:
            click.echo(_printable(str(written.file)))


def _printable(name: str) -> str:
    """Write out what stdout cannot show: a name may hold any bytes, and not every terminal is UTF-8."""
    encoding = sys.stdout.encoding or "utf-8"
    return name.encode(encoding, "backslashreplace").decode(encoding)


def _described(written: Written) -> dict[str, Any]:
    return {"file": str(written.file)} | written.described() | {"milliseconds": round(written.milliseconds, 3)}


def write_job(job: Job, place: Place, manner: Manner, total: int | None = None) -> None:
    """Draw and write `job` and tell of it; `total` is how many pictures it has, where that is known.

    Raises:
        PokeganError: see :mod:`pgen.jobs.job`.
    """
    if (place.grid or place.out is not None) and (job.resume or job.shards or job.engine != "local"):
        raise click.UsageError("--resume, --shards and --engine are for pictures in a folder: use --out-dir DIR")
    _check_format(job.finish.format, place.out)
    if manner.as_json and place.out == STDOUT:
        raise click.UsageError("--json prints to stdout, where the picture goes: name a file with --out FILE")
    manner = manner.on(job.device)
    with progress(None if job.resume else total, shown=not manner.quiet) as step:
        if place.grid:
            out = None if place.out is None else _target(place.out)
            manner.tell(write_grid(job, out, place.columns, step))
        elif place.out is not None:
            manner.tell(write_one(job, _target(place.out)))
        else:
            from pgen.jobs.local import write_pictures  # a single picture does without

            for written in write_pictures(job, place.out_dir or Path()):
                manner.tell(written)
                step()


def _check_format(format: str, out: Path | None) -> None:
    if (
        out in (None, STDOUT)
        or click.get_current_context().get_parameter_source("format") != ParameterSource.COMMANDLINE
    ):
        return
    assert out is not None
    if out.suffix.lower() != f".{format}":
        raise click.UsageError(f"--format {format} and --out {out.name} disagree: leave --format out")


def _target(out: Path) -> Path | BinaryIO:
    """Open stdout for "-".

    Raises:
        UsageError: it is a terminal, which can show no picture.
    """
    if out != STDOUT:
        return out
    if sys.stdout is None:
        raise click.UsageError("--out - writes to stdout, which is closed; name a file with --out FILE")
    if sys.stdout.isatty():
        raise click.UsageError(
            "--out - writes a picture to stdout, which is a terminal; pipe it: ... --out - | PROGRAM"
        )
    return sys.stdout.buffer
