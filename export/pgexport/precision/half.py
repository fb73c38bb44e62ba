"""Half precision that is arithmetic, not storage: a PyTorch module in fp16 or bf16 with islands in float32.

The module is converted before it is exported, so that the graph is written in its types from the start: converters
of finished graphs break on those of today's exporter (onnxconverter-common on BERT's, onnxruntime.transformers on
residual generators').
"""

from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pgtrain.models.layers import Whitening
from pgtrain.models.memory import Memory

HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}
"""The half precisions by the names that the command line gives them."""

LOWEST_OPSET = {"fp16": 18, "bf16": 22}
"""The lowest opset whose operators take the type: convolutions take bf16 from 22 on."""

WHOLE = (Memory,)
"""Modules that compute in float32 altogether: rounded scores change what the memory's sharp softmax selects."""

ISLANDS = (nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d, nn.BatchNorm1d, nn.BatchNorm2d, Whitening, *WHOLE)
"""Modules whose weights stay float32: norms, and the whitening, which magnifies rounding errors."""

MASKED = 1e4
"""Replacement for minus infinity in an attention mask: a type's lowest number overflows once a score is added."""

WIDENED = frozenset({F.layer_norm, F.softmax, torch.softmax, Tensor.softmax, F.group_norm, F.batch_norm})
"""Functions that compute in float32 and return half precision."""

POOLED = frozenset({torch.sum, Tensor.sum, torch.mean, Tensor.mean})
"""Functions that compute in float32 and return it: means over tokens."""

WEIGHTED = frozenset({F.linear, F.conv2d, F.conv_transpose2d})
"""Products with a weight (their second argument), which run in the type that the weight has."""

PRODUCTS = frozenset({torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm})
"""Products of features with features."""

SELECTIONS = frozenset({torch.where, torch.masked_fill, Tensor.masked_fill, torch.full})
"""Functions that make attention masks."""

M = TypeVar("M", bound=nn.Module)


def half(module: M, dtype: torch.dtype) -> M:
    """Return a copy of `module` that computes in `dtype`, torch.float16 or torch.bfloat16.

    Weights and products are `dtype`; LayerNorm and the other norms, Softmax, sums and means compute in float32. Inputs
    keep their types, such as float32 latents and embeddings, and floating-point outputs are float32.
    """
    converted = deepcopy(module).to(dtype)
    for name, part in converted.named_modules():
        if isinstance(part, ISLANDS):  # the weights that it had, not their rounded copies
            part.float().load_state_dict(module.get_submodule(name).state_dict())
        if isinstance(part, WHOLE):
            _compute_in_float32(part)
    original = type(module)

    # torch.export reads names and number of the inputs from the signature, which `wraps` keeps.
    @wraps(original.forward)
    def forward(self: nn.Module, *inputs: Any, **named: Any) -> Any:
        with _Policy(dtype):
            outputs = original.forward(self, *inputs, **named)
        return _cast(outputs, torch.float32)

    converted.__class__ = type(f"Half{original.__name__}", (original,), {"forward": forward})
    return converted


def _compute_in_float32(part: nn.Module) -> None:
    """Suspend the policy of the module around `part` while `part` runs."""
    original = type(part)

    @wraps(original.forward)
    def forward(self: nn.Module, *inputs: Any) -> Any:
        _Policy.paused = True
        try:
            return original.forward(self, *_cast(inputs, torch.float32))
        finally:
            _Policy.paused = False

    part.__class__ = type(f"Float32{original.__name__}", (original,), {"forward": forward})


class _Policy(TorchFunctionMode):
    """Chooses the type of every function call inside it; functions not named above follow the types of their inputs."""

    paused = False

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.paused:
            return func(*args, **kwargs)
        if func in WIDENED:
            return _cast(func(*_cast(args, torch.float32), **_cast(kwargs, torch.float32)), self.dtype)
        if func in POOLED:
            return func(*_cast(args, torch.float32), **kwargs)
        if func in WEIGHTED:
            dtype = (args[1] if len(args) > 1 else kwargs["weight"]).dtype
            return func(*_cast(args, dtype), **_cast(kwargs, dtype))
        if func in PRODUCTS:
            return func(*_cast(args, self.dtype), **_cast(kwargs, self.dtype))
        if func in SELECTIONS:
            args = tuple(_finite(value) for value in args)
            kwargs = {name: _finite(value) for name, value in kwargs.items()}
        return func(*args, **kwargs)


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """Cast every floating tensor in `value`, a tensor, a tuple or a dictionary."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, tuple):
        return tuple(_cast(part, dtype) for part in value)
    if isinstance(value, dict):
        return {name: _cast(part, dtype) for name, part in value.items()}
    return value


def _finite(value: Any) -> Any:
    return max(-MASKED, min(MASKED, value)) if isinstance(value, float) else value
