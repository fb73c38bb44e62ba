"""A language model for tests."""

from collections.abc import Iterator

import pytest

from pgen.dex.endpoint import KEY
from tests.runtime.dex.language_model import SECRET, Server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv(KEY, SECRET)
    started = Server()
    yield started
    started.server.shutdown()
    started.server.server_close()
