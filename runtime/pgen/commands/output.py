"""Where a command writes its pictures, and what it prints."""

import json
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import click
from click.core import ParameterSource

from pgen.backends.devices import describe_device, resolve
from pgen.images.metadata import MAX_FILE
from pgen.jobs.job import Interrupted, Job, Written
from pgen.jobs.write import WrittenGrid, write_grid, write_one, write_pictures
from pokegan.cli import keeps
from pokegan.files import is_stdout, is_stream

STDOUT = STDIN = Path("-")

MAX_NOTES = 1000
"""Prompts on which a note is printed."""


@dataclass(frozen=True)
class Destination:
    """Where to write: one file `out` ("-" is stdout), or a folder; one file per picture, or a grid."""

    out: Path | None = None
    out_dir: Path | None = None
    grid: bool = False
    columns: int | None = None

    def __post_init__(self) -> None:
        """Reject options that exclude each other."""
        if self.out is not None and self.out_dir is not None:
            raise click.UsageError("use either --out FILE, for one picture or a grid, or --out-dir DIR")
        if self.columns is not None and not self.grid:
            raise click.UsageError("--columns needs --grid")
        if self.grid and self.out_dir is not None:
            raise click.UsageError("a grid is one file: use --out FILE instead of --out-dir")


class WrittenFile(Protocol):
    """A written picture, grid, animation or card."""

    @property
    def file(self) -> Path:
        """Its path; "-" is stdout."""
        ...

    @property
    def milliseconds(self) -> float:
        """The time that it took."""
        ...

    def described(self) -> dict[str, Any]:
        """Describe how it was made, ready for JSON."""
        ...


@dataclass(frozen=True)
class Reporter:
    """Prints the names of written files, JSON, or nothing."""

    as_json: bool = False
    quiet: bool = False
    device: str = "auto"
    noted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Reject options that exclude each other."""
        if self.as_json and self.quiet:
            raise click.UsageError("use either --quiet or --json")

    def for_device(self, device: str) -> "Reporter":
        """Set the device of the job; if it is ``auto`` and stderr is a terminal, print which device that is."""
        if device == "auto" and not self.quiet and sys.stderr.isatty():
            click.echo(describe_device(device), err=True)
        return replace(self, device=device)

    def report(self, written: WrittenFile) -> None:
        """Print one file, but not on a stdout that the picture itself went to; print notes on stderr, each once."""
        for prompt, note in getattr(written, "notes", {}).items():
            if not self.quiet and prompt not in self.noted and len(self.noted) < MAX_NOTES:
                self.noted.add(prompt)
                click.echo(f"prompt {prompt[:40]!r}: {note}", err=True)
        if self.quiet or sys.stdout is None or written.file == STDOUT or is_stdout(written.file):
            return
        if self.as_json:
            description = {"file": str(written.file)} | written.described()
            description |= {"milliseconds": round(written.milliseconds, 3), "device": resolve(self.device)}
            click.echo(json.dumps(description))
        else:
            click.echo(str(written.file))


@contextmanager
def stdin_as_file(path: Path) -> Iterator[Path]:
    """Yield `path`, or a temporary file with what stdin has if it is "-".

    Raises:
        UsageError: stdin is closed, or a terminal.
    """
    if path != STDIN:
        yield path
        return
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("- reads a picture from stdin: pipe one into it, or name a file")
    from tempfile import TemporaryDirectory  # slow to import

    with TemporaryDirectory(prefix="pokegan-") as folder:
        file = Path(folder) / "stdin"
        file.write_bytes(sys.stdin.buffer.read(MAX_FILE + 1))
        yield file


def write_job(
    job: Job, destination: Destination, reporter: Reporter, total: int | None = None
) -> Written | WrittenGrid | None:
    """Generate and write `job`, and report each file; `total` is the number of pictures, if it is known.

    Returns:
        The last file; None if nothing was left to write.

    Raises:
        PokeganError: see :mod:`pgen.jobs.write`.
    """
    out, grid = destination.out, destination.grid
    if (grid or out is not None) and (job.resume or job.shards or job.executor != "local"):
        raise click.UsageError("--resume, --shards and --executor need a folder: use --out-dir DIR")
    _check_format(job.postprocess.format, out)
    target = None if out is None else open_target(out, reporter)
    from pokegan.progress import progress

    reporter = reporter.for_device(job.device)
    written: Written | WrittenGrid | None = None
    with progress(None if job.resume else total, shown=not reporter.quiet) as step:
        if grid:
            written = write_grid(job, target, destination.columns, step)
            reporter.report(written)
        elif target is not None:
            written = write_one(job, target)
            reporter.report(written)
        else:
            keeps("finished files are kept, and the same command with --resume continues")
            pictures = write_pictures(job, destination.out_dir or Path())
            reported: Path | None = None
            try:
                for written in pictures:
                    reporter.report(written)
                    reported = written.file
                    step()
            except KeyboardInterrupt as error:
                for late in _finished(pictures, error):
                    if late.file != reported:
                        reporter.report(late)
                raise
            if job.resume and written is None and not reporter.quiet:
                click.echo("all files were finished; nothing was left to do", err=True)
    return written


def _finished(pictures: Generator[Written, None, None], error: KeyboardInterrupt) -> Sequence[Written]:
    """Return the files that an interrupted job finished, from the one that it yielded last."""
    if isinstance(error, Interrupted):
        return error.finished
    try:
        pictures.throw(error)  # it came between two pictures, when the job did not notice
    except Interrupted as interrupted:
        return interrupted.finished
    except (KeyboardInterrupt, StopIteration):
        return ()
    return ()


def _check_format(format: str, out: Path | None) -> None:
    source = click.get_current_context().get_parameter_source("format")
    if out is None or out == STDOUT or source != ParameterSource.COMMANDLINE:
        return
    if out.suffix.lower().replace("jpg", "jpeg") != f".{format}" and not (is_stream(out) and not out.suffix):
        raise click.UsageError(f"--format {format} and --out {out.name} disagree: leave --format out")


def open_target(out: Path, reporter: Reporter) -> Path | BinaryIO:
    """Return stdout for "-", and any other path as it is.

    Raises:
        UsageError: stdout is closed, or a terminal, which cannot show pictures, or `reporter` prints JSON to it.
    """
    if reporter.as_json and out == STDOUT:
        raise click.UsageError("--json prints to stdout, where the picture goes: use --out FILE")
    if out != STDOUT:
        return out
    if sys.stdout is None:
        raise click.UsageError("--out - writes to stdout, which is closed; use --out FILE")
    if sys.stdout.isatty():
        raise click.UsageError("--out - writes a picture to stdout, which is a terminal; pipe it: --out - | PROGRAM")
    return sys.stdout.buffer
