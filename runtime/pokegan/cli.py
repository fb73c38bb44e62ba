"""Base of the command lines: commands that are imported when they are called, and errors as one line."""

import contextlib
import math
import os
import re
import stat
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

import click

from pokegan import __version__
from pokegan.errors import EXIT_CODE, FORBIDDEN, FULL, PokeganError, write_remedy

INTERRUPTED = 130
"""The exit code that a shell gives for Ctrl-C."""

Hint = str | Callable[[Any], str]
"""What a command line adds to the message of an error; a function makes it from the error's attributes."""

KEPT = "pokegan.cli.kept"
"""Where a context has what Ctrl-C leaves, see :func:`keeps`."""


def _in_one_line(error: click.UsageError) -> click.UsageError:
    # A UsageError without a context prints its message alone, not the usage block before it.
    message = " ".join(error.format_message().split())
    if isinstance(error, click.NoSuchOption) and not (error.possibilities or error.option_name.startswith("--")):
        message += " Write -- before an argument that begins with -"
    return click.UsageError(f"{message} (see {error.ctx.command_path} --help)" if error.ctx else message)


class _Failed(click.ClickException):
    """An error whose message is printed in one line, unless it is empty: another process has reported it."""

    def __init__(self, message: str, exit_code: int = EXIT_CODE) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        if self.message:
            super().show(file)


def _output_full(error: OSError) -> _Failed:
    """Return the error for a full disk where `error` names no file: it is that of stdout, or of a temporary file."""
    import tempfile  # slow to import

    what = "stdout" if _stdout_fails() else f"a file in {tempfile.gettempdir()} or the cache"
    # Python flushes stdout when it exits, and would fail again with a traceback.
    with contextlib.suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    return _Failed(f"{what}: cannot be written ({error.strerror}); free space, or redirect it elsewhere")


def _stdout_fails() -> bool:
    """Return whether stdout cannot be written: it fails again, its disk is full, or it is /dev/full."""
    try:
        sys.stdout.flush()
        kind = os.fstat(1)
        if stat.S_ISREG(kind.st_mode):
            return os.fstatvfs(1).f_bavail == 0
        return stat.S_ISCHR(kind.st_mode) and not os.isatty(1) and kind.st_rdev != Path(os.devnull).stat().st_rdev
    except (OSError, AttributeError):  # Windows has no fstatvfs
        return True


def _hint(error: PokeganError, ctx: click.Context | None) -> str:
    """Return what the program adds to `error`, unless it begins with an option of other commands only."""
    if ctx is None:
        return ""
    hint: Hint = getattr(ctx.find_root().command, "hints", {}).get(error.code, "")
    hint = hint if isinstance(hint, str) else hint(error)
    own = {option for parameter in ctx.command.params for option in parameter.opts}
    return hint if not hint.startswith("--") or re.split("[ ,]", hint)[0] in own else ""


@contextmanager
def _one_line(ctx: click.Context | None = None) -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except PokeganError as error:
        hint = _hint(error, ctx)
        message = f"{error.message} ({hint})" if hint else error.message
        raise _Failed(message, getattr(error, "exit_code", EXIT_CODE)) from error
    except OSError as error:
        # Most errors of files are PokeganErrors; click handles a closed pipe.
        if error.errno in (*FORBIDDEN, *FULL) and error.filename is not None:
            message = f"{error.filename}: {error.strerror}; {write_remedy(error)}, or name another"
            raise _Failed(" ".join(message.split())) from error
        if error.errno not in FULL:
            raise
        raise _output_full(error) from error
    except click.UsageError as error:
        raise _in_one_line(error) from error
    except KeyboardInterrupt as error:
        kept = ctx.meta.get(KEPT) if ctx else None
        raise _Failed(f"interrupted; {kept}" if kept else "interrupted", INTERRUPTED) from error
    except MemoryError as error:
        raise _Failed("out of memory; do less at once, or close other programs") from error


def keeps(what: str) -> None:
    """Let the line that Ctrl-C prints say `what` stays of the present command."""
    click.get_current_context().meta[KEPT] = what


class _OneLine:
    """Turns errors, bad usage and Ctrl-C into one line on stderr."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _one_line():
            return super().make_context(*args, **kwargs)  # type: ignore[misc, no-any-return]

    def invoke(self, ctx: click.Context) -> Any:
        with _one_line(ctx):
            return super().invoke(ctx)  # type: ignore[misc]


class FiniteRange(click.FloatRange):
    """A range of numbers without NaN and infinities."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse and check."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} must be a finite number", param, ctx)
        return number


class Command(_OneLine, click.Command):
    """A command whose errors are one line, and which cleans up on SIGTERM and SIGHUP."""

    def invoke(self, ctx: click.Context) -> Any:
        """Call it."""
        from pokegan.signals import leaving_on_signals  # --help does without

        with leaving_on_signals(), warnings.catch_warnings():
            # Libraries warn of their own deprecations, which users cannot mend. Last, so that -W has precedence.
            warnings.filterwarnings("ignore", append=True)
            return super().invoke(ctx)


class Group(_OneLine, click.Group):
    """A group of such commands; `hints` maps codes of errors to what the command line adds to their messages."""

    command_class = Command

    def __init__(self, *args: Any, hints: Mapping[str, Hint] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hints = hints or {}

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program."""
        from pokegan.streams import prepare_streams

        prepare_streams()
        return super().main(*args, **kwargs)


class LazyGroup(Group):
    """A group whose commands are imported when they are called: `places` maps names to "module:attribute"."""

    def __init__(self, *args: Any, places: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, in the order of `places`."""
        return [*self.places, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.places:
            return super().get_command(ctx, cmd_name)
        module, attribute = self.places[cmd_name].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; the error for an unknown one suggests similar names."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:  # click knows only the commands that are imported
            raise click.NoSuchCommand(args[0], possibilities=self.list_commands(ctx), ctx=ctx) from error


version_option = click.version_option(__version__, message="%(prog)s %(version)s")


def exit_with(error: PokeganError) -> NoReturn:
    """End a program without click: the error in one line on stderr, and its exit code."""
    sys.stderr.write(f"Error: {error.message}\n")
    sys.exit(getattr(error, "exit_code", EXIT_CODE))
