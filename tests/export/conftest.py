"""Here commands run in this process, tests/e2e starts them as people do; and the same network is traced only once."""

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import onnx
import pytest
from torch import Tensor, nn

from pgexport.tracing import graphs, specs
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


def fingerprint(module: nn.Module, *others: Any) -> str:
    """Digest what tracing `module` depends on: classes, plain attributes, weights, and whatever else is given."""
    digest = hashlib.sha256(repr(others).encode())
    for name, part in module.named_modules():
        plain = {key: value for key, value in vars(part).items() if isinstance(value, int | float | str | tuple)}
        digest.update(repr((name, type(part), part.extra_repr(), sorted(plain.items()))).encode())
        for tensors in (part._parameters, part._buffers):
            for key, tensor in tensors.items():
                content = b"" if tensor is None else tensor.detach().float().numpy().tobytes()
                digest.update(repr((key, getattr(tensor, "dtype", None))).encode() + content)
    return digest.hexdigest()


@pytest.fixture(scope="session", autouse=True)
def traced_once() -> Iterator[None]:
    """Keep what torch.onnx.export makes, since tracing is most of an export."""
    export, kept = graphs.export_module, dict[str, bytes]()

    def remembered(module: nn.Module, inputs: dict[str, Tensor], *others: Any) -> onnx.ModelProto:
        examples = {name: (tuple(example.shape), example.dtype) for name, example in inputs.items()}
        key = fingerprint(module, examples, others)
        if key not in kept:
            kept[key] = export(module, inputs, *others).SerializeToString()
        return onnx.load_from_string(kept[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs, "export_module", remembered)
        patch.setattr(specs, "export_module", remembered)
        yield
