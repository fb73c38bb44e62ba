"""Here commands run in this process, tests/e2e starts them as people do."""

import pytest

from tests.conftest import Command


@pytest.fixture(scope="session", autouse=True)
def every_export_is_quick(quick_exports: None) -> None:
    """See tests/exports.py."""


@pytest.fixture(scope="session")
def command(inside: Command) -> Command:
    """Take the place of the fixture that starts processes."""
    return inside
