"""What several tests of the runtime share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toy_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that draws noise at once; see :mod:`tests.runtime.toy`."""
    from tests.runtime.toy import write_toy

    return write_toy(tmp_path_factory.mktemp("toy") / "bundle")
