"""How the commands behave: lazy extras and errors of one line."""

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from pokegan import __version__
from pokegan.errors import MissingExtra, PokeganError

# Why nothing more can be written; Windows has no quota.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO) if hasattr(errno, "EDQUOT") else (errno.ENOSPC, errno.EIO)

OWN_PACKAGES = ("pokegan", "pgen", "pgbench", "pgexport", "pgtrain")


def _in_one_line(error: click.UsageError) -> click.UsageError:
    # A UsageError without a context prints its message alone, not the usage block before it.
    told = " ".join(error.format_message().split())
    return click.UsageError(f"{told} (see {error.ctx.command_path} --help)" if error.ctx else told)


class _Interrupted(click.ClickException):
    """The user pressed Ctrl-C; the exit code is a shell's for that signal."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("interrupted; what was finished is kept")


class _StdoutFull(click.ClickException):
    """Nothing more can be written to stdout; the code is that of all errors which a user can mend."""

    exit_code = 2

    def __init__(self, error: OSError) -> None:
        super().__init__(f"stdout: cannot be written ({error.strerror}); free space, or send it elsewhere")
        # Python writes out what is left when it ends, and would fail again, and louder.
        with contextlib.suppress(OSError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except OSError as error:
        # Whoever writes files tells of them by their names; a pipe that closes is click's.
        if isinstance(error, PokeganError) or error.errno not in FULL:
            raise
        raise _StdoutFull(error) from error
    except click.UsageError as error:
        raise _in_one_line(error) from error
    except KeyboardInterrupt as error:
        raise _Interrupted from error


class _OneLine:
    """Turns usage errors and Ctrl-C into one line on stderr."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _one_line():
            return super().make_context(*args, **kwargs)  # type: ignore[misc, no-any-return]

    def invoke(self, ctx: click.Context) -> Any:
        with _one_line():
            return super().invoke(ctx)  # type: ignore[misc]


class Command(_OneLine, click.Command):
    """A command whose bad usage is told in one line, and which cleans up when it is told to end."""

    def invoke(self, ctx: click.Context) -> Any:
        """Call it."""
        from pokegan.signals import leaving_on_sigterm  # --help does without

        with leaving_on_sigterm():
            return super().invoke(ctx)


class Group(_OneLine, click.Group):
    """A group of such commands."""

    command_class = Command


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


version_option = click.version_option(__version__, message="%(prog)s %(version)s")


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Turn a failed import of a third-party package inside the block into the pip command that mends it.

    Raises:
        MissingExtra: a package of `extra` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package in OWN_PACKAGES or not package:
            raise
        raise MissingExtra(package, extra) from error
