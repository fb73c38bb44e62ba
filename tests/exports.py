"""Exports in less time: a network is traced only once, in whichever process a test needs its graph first."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import pytest
from torch import Tensor, nn

from pgexport.tracing import graphs, specs
from pgexport.trial import Trial
from tests.conftest import MadeOnce

SEEDS = {"export": 1, "verify": 2}
"""What parity's inputs are drawn with here: a limit that one seed in thousands misses is nothing to fail a test by."""


def fingerprint(module: nn.Module, *others: Any) -> str:
    """Digest what tracing `module` depends on: classes, plain attributes, weights, and whatever else is given."""
    digest = hashlib.sha256(repr(others).encode())
    for name, part in module.named_modules():
        plain = {key: value for key, value in vars(part).items() if isinstance(value, int | float | str | tuple)}
        plain.pop("name_or_path", None)  # where a BERT was read from
        digest.update(repr((name, type(part), part.extra_repr(), sorted(plain.items()))).encode())
        for tensors in (part._parameters, part._buffers):
            for key, tensor in tensors.items():
                content = b"" if tensor is None else tensor.detach().float().numpy().tobytes()
                digest.update(repr((key, getattr(tensor, "dtype", None))).encode() + content)
    return digest.hexdigest()


@contextmanager
def quick_exports(made_once: MadeOnce) -> Iterator[None]:
    """Keep what torch.onnx.export makes, and compare with PyTorch 16 large pictures of one seed, not 64 of any."""
    export, trial = graphs.export_module, specs.ModelSpec.trial

    def remembered(module: nn.Module, inputs: dict[str, Tensor], *others: Any) -> onnx.ModelProto:
        examples = {name: (tuple(example.shape), example.dtype) for name, example in inputs.items()}

        def write(place: Path) -> None:
            place.write_bytes(export(module, inputs, *others).SerializeToString())

        return onnx.load(made_once(f"graph-{fingerprint(module, examples, others)}", write))

    def fewer(spec: specs.ModelSpec, seed: int) -> Trial:
        whole = trial(spec, seed)
        if spec.kind != "text-to-image":
            return whole
        cases = {case: {name: rows[:16] for name, rows in feeds.items()} for case, feeds in whole.cases.items()}
        return replace(whole, cases=cases)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs, "export_module", remembered)
        patch.setattr(specs, "export_module", remembered)
        patch.setattr(specs.ModelSpec, "trial", fewer)
        for module, seed in SEEDS.items():
            patch.setattr(f"pgexport.{module}.fresh_seed", partial(int, seed))
        yield
