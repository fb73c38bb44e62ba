"""Commands run in this process here; tests/e2e starts them as people do."""

import pytest

from tests.conftest import Command


@pytest.fixture(scope="session")
def command(inside: Command) -> Command:
    """Take the place of the fixture that starts processes."""
    return inside
