from collections.abc import Callable

import pytest

from tests.conftest import Command

Made = Callable[..., list[str]]


@pytest.fixture
def made(command: Command) -> Made:
    """Run pgen, which must succeed and print no error; gives the lines on stdout."""

    def run(*arguments: object, **options: object) -> list[str]:
        done = command("pgen", *arguments, **options)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout.splitlines()

    return run
