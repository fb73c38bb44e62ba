"""Errors: plain exceptions with a code; only the command line knows exit codes and hints."""

import click
import pytest
from click.testing import CliRunner

from pgen.errors import BundleNotFound, DeviceUnavailable
from pokegan.cli import Group
from pokegan.errors import MissingExtra, PokeganError, one_line
from tests.conftest import run_python


class BuildFailed(PokeganError):
    """An error with an exit code of its own."""

    exit_code = 1


def invoke(error: Exception, command: str = "fail") -> tuple[int, str]:
    group = Group("main", hints={"device_unavailable": "--device chooses"})

    @group.command("fail")
    @click.option("--device")
    def fail(device: str | None) -> None:
        raise error

    @group.command("without")
    def without() -> None:
        raise error

    done = CliRunner().invoke(group, [command])
    return done.exit_code, done.stderr


def test_code_is_the_class_name_in_snake_case() -> None:
    assert BundleNotFound.code == "bundle_not_found"
    assert MissingExtra("av", "video").code == "missing_extra"


def test_errors_are_builtins_without_click() -> None:
    assert issubclass(BundleNotFound, FileNotFoundError)
    assert not issubclass(PokeganError, click.ClickException)
    program = "import pgen, sys; pgen.load(device='cpu', threads=1).images('Charizard'); print('click' in sys.modules)"
    done = run_python(program)
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DeviceUnavailable("no GPU"), 2, "Error: no GPU (--device chooses)\n"),
        (BundleNotFound("b: not found"), 2, "Error: b: not found\n"),
        (BuildFailed("it failed"), 1, "Error: it failed\n"),
        (PokeganError(""), 2, ""),
    ],
)
def test_command_line_adds_exit_code_and_hint(error: Exception, code: int, line: str) -> None:
    assert invoke(error) == (code, line)


def test_command_without_the_option_gets_no_hint_at_it() -> None:
    assert invoke(DeviceUnavailable("no GPU"), "without") == (2, "Error: no GPU\n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a\n  b"), "a b"),
        (ValueError("\x1b[2J"), "?[2J"),
        (ValueError(), "ValueError"),
        (KeyError("data"), "no field 'data'"),
        (ValueError("x" * 999), "x" * 200),
    ],
)
def test_one_line_joins_and_shortens(error: Exception, line: str) -> None:
    assert one_line(error) == line
