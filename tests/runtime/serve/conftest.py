"""A server of the toy bundle, and its client."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.runtime.serve.serving import PATIENCE, serving, settings


@pytest.fixture(scope="module")
def url(toy_bundle: Path) -> Iterator[str]:
    with serving(settings(toy_bundle, timeout=PATIENCE)) as (_, place):
        yield place


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=PATIENCE) as client:
        yield client
