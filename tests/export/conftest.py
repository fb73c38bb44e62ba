"""Here commands run in this process, tests/e2e starts them as people do."""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.conftest import Command

SEEDS = {"export": 1, "verify": 2}
"""What parity's inputs are drawn with here: a limit that one seed in thousands misses is nothing to fail a test by."""


@pytest.fixture(scope="session", autouse=True)
def one_seed() -> Iterator[None]:
    """Draw the same inputs in every run of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for module, seed in SEEDS.items():
            patch.setattr(f"pgexport.{module}.fresh_seed", partial(int, seed))
        yield


@pytest.fixture(scope="session")
def command(inside: Command) -> Command:
    """Take the place of the fixture that starts processes."""
    return inside


@pytest.fixture(scope="session", autouse=True)
def every_export_is_quick(quick_exports: None) -> None:
    """See tests/exports.py."""
