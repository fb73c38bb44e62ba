"""A server of the toy bundle, and its client."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pgen.serve.config import Settings
from tests.runtime.serve.serving import PATIENCE, serving


@pytest.fixture(scope="module")
def url(toy_bundle: Path) -> Iterator[str]:
    with serving(Settings(port=0, bundle=toy_bundle, device="cpu", threads=1, timeout=PATIENCE)) as (_, place):
        yield place


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=PATIENCE) as client:
        yield client
