"""What several tests of the runtime share."""

from pathlib import Path

import pytest

import pgen
from pgen.api import Generator


@pytest.fixture(scope="session")
def generator() -> Generator:
    """The embedded bundle on the CPU."""
    return pgen.load(device="cpu")


@pytest.fixture(scope="session")
def toy_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that draws noise at once; see :mod:`tests.runtime.toy`."""
    from tests.runtime.toy import write_toy

    return write_toy(tmp_path_factory.mktemp("toy") / "bundle")
