"""The examples in docstrings are what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

RUNTIME = Path(__file__).parents[2] / "runtime"
MODULES = sorted(
    ".".join(path.relative_to(RUNTIME).with_suffix("").parts).removesuffix(".__init__")
    for path in RUNTIME.rglob("*.py")
    if ">>> " in path.read_text("utf-8")
)


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert outcome.attempted
    assert not outcome.failed


def test_the_public_api_has_examples() -> None:
    assert {"pgen", "pgen.api", "pgen.request"} <= set(MODULES)
