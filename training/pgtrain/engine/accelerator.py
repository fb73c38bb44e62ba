"""Device, precision, processes and compilation of every training: a thin layer over accelerate."""

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from importlib.util import find_spec
from inspect import signature
from typing import Any, Literal, TypeVar

import accelerate
import torch
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import AdamW, Optimizer, RMSprop

from pgtrain.engine import distributed
from pgtrain.engine.sync_batch_norm import share_batch_norm
from pgtrain.errors import ConfigInvalid, Diverged

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Part = TypeVar("Part")
Loss = tuple[Tensor, dict[str, Tensor]]
"""The loss to backpropagate, and metrics: tensors ()."""

NEWER = "forward_sync_buffers" in signature(DistributedDataParallel).parameters
OWN_BUFFERS: dict[str, Any] = {"forward_sync_buffers" if NEWER else "broadcast_buffers": False}
"""Do not copy buffers before forward passes; PyTorch 2.15 renamed the option and warns about its older name."""

LEAST_SCALE = 2.0**-14
"""The fp16 loss scale below which overflowing gradients count as divergence."""

COMPILERS = ("g++", "c++", "clang++", "cl", "gcc", "cc", "clang")


def best_precision() -> Precision:
    """Return bf16 where the hardware supports it (Ampere, AVX-512 BF16, AMX), fp16 on older CUDA GPUs, else fp32."""
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    capabilities = torch.cpu.get_capabilities()
    fast = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16")
    return "bf16" if fast else "fp32"


def check_compiler(device: torch.device) -> None:
    """Check that PyTorch can compile for `device`.

    Raises:
        ConfigInvalid: no C++ compiler, or for a GPU no Triton, is installed.
    """
    compiler = os.environ.get("CXX") or os.environ.get("CC")
    names = (compiler,) if compiler else COMPILERS
    if not any(shutil.which(name) for name in names):
        raise ConfigInvalid(f"compiling needs a C++ compiler ({' or '.join(names)} is not found); install g++")
    if device.type == "cuda" and find_spec("triton") is None:
        raise ConfigInvalid("compiling on a GPU needs Triton; install it with: pip install triton")


class Accelerator:
    """Runs forward passes in the chosen precision and optimizer steps (with loss scaling for fp16).

    Batches are split into `accumulate` parts, each shared by all processes; `compiled` networks go through
    :func:`torch.compile`. `stepped` tells whether the last step changed weights: fp16 skips steps whose gradients
    overflow.

    Raises:
        ConfigInvalid: this machine lacks what the precision or compilation needs.
    """

    def __init__(self, precision: Precision = "auto", accumulate: int = 1, compiled: bool = False) -> None:
        distributed.start()
        self.precision = best_precision() if precision == "auto" else precision
        if self.precision == "fp16" and not torch.cuda.is_available():
            raise ConfigInvalid("the precision fp16 needs a CUDA GPU; use bf16, fp32 or auto")
        # accelerate keeps the first precision of a process, but every training here chooses its own.
        AcceleratorState._reset_state()
        mixed = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}[self.precision]
        self._accelerate = accelerate.Accelerator(mixed_precision=mixed, cpu=not torch.cuda.is_available())
        device = self._accelerate.device
        self.device = (
            device if device.type == "cuda" else torch.device(device.type)
        )  # accelerate numbers CPU processes too
        if compiled:
            check_compiler(self.device)
        self.accumulate, self.compiled, self.stepped = accumulate, compiled, True
        self._wrapped: list[DistributedDataParallel] = []

    def place(self, network: nn.Module) -> nn.Module:
        """Move `network` to the device, in the channels-last layout, which is fast for bf16 and fp16 convolutions."""
        share_batch_norm(network)
        network.to(self.device)
        return network.to(memory_format=torch.channels_last)

    def prepare(self, network: nn.Module, *, compilable: bool = True) -> nn.Module:
        """Compile `network` and wrap it so that its gradients are averaged over processes.

        Call the returned module for forward passes that train `network`. Forward passes of a frozen network, and those
        of second-order penalties, call `network` itself, which must then not be `compilable`: PyTorch has no second
        derivatives of compiled networks.
        """
        if self.compiled and compilable:
            network.compile()
        if distributed.count() == 1 or not any(parameter.requires_grad for parameter in network.parameters()):
            return network
        devices = [self.device] if self.device.type == "cuda" else None
        # Buffers are equal already, and overwriting one between a forward and its backward pass breaks the latter.
        wrapped = DistributedDataParallel(network, device_ids=devices, **OWN_BUFFERS)
        self._wrapped.append(wrapped)
        return wrapped

    def adam(
        self, network: nn.Module, lr: float, betas: tuple[float, float], **others: tuple[nn.Module, float]
    ) -> Optimizer:
        """Return an Adam (fused AdamW without weight decay) for the trainable parameters of `network`.

        Each of `others`, a network and its learning rate, becomes a further parameter group.
        """
        groups = [
            {"params": [parameter for parameter in module.parameters() if parameter.requires_grad], "lr": rate}
            for module, rate in ((network, lr), *others.values())
        ]
        optimizer = AdamW(groups, lr=lr, betas=betas, weight_decay=0.0, fused=True)
        return self._accelerate.prepare_optimizer(optimizer)  # type: ignore[no-any-return]

    def rmsprop(self, network: nn.Module, lr: float) -> Optimizer:
        """Return an RMSProp for the parameters of `network`."""
        return self._accelerate.prepare_optimizer(RMSprop(network.parameters(), lr=lr))  # type: ignore[no-any-return]

    def autocast(self) -> AbstractContextManager[None]:
        """Return the autocast context for forward passes; parameters stay float32."""
        # accelerate's own autocast uses the precision of the accelerator that was made last.
        dtype = torch.float16 if self.precision == "fp16" else torch.bfloat16
        return torch.autocast(self.device.type, dtype, enabled=self.precision != "fp32")

    def parts(self, indices: Tensor) -> list[Tensor]:
        """Split the indices of a batch (N,) into this process's share of each part; a remainder is dropped."""
        shares = torch.split(indices, len(indices) // (self.accumulate * distributed.count()))
        return list(shares[distributed.rank() :: distributed.count()][: self.accumulate])

    def step(self, optimizer: Optimizer, compute: Callable[[Part], Loss], parts: Sequence[Part]) -> dict[str, Tensor]:
        """Backpropagate the mean of the losses that `compute` returns for `parts`, update, and clear the gradients.

        Returns the metrics of `compute`, averaged over the parts and detached.

        Raises:
            Diverged: gradients overflow at every loss scale.
        """
        reported = []
        for number, part in enumerate(parts, 1):
            with self._averaging(number == len(parts)):
                loss, metrics = compute(part)
                self._accelerate.backward(loss / len(parts))
            reported.append({name: value.detach() for name, value in metrics.items()})
        self._update(optimizer)
        return {name: torch.stack([metrics[name] for metrics in reported]).mean(0) for name in reported[0]}

    def _averaging(self, last: bool) -> AbstractContextManager[Any]:
        """Average gradients over processes only at the `last` part; until then they are summed locally."""
        if last or not self._wrapped:
            return nullcontext()
        stack = ExitStack()
        for wrapped in self._wrapped:
            stack.enter_context(wrapped.no_sync())
        return stack

    def _update(self, optimizer: Optimizer) -> None:
        before = self.loss_scale
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        # accelerate's step_was_skipped is never set for fused optimizers, which skip steps themselves.
        self.stepped = before is None or self.loss_scale >= before  # type: ignore[operator]
        if before is not None and before < LEAST_SCALE and not self.stepped:
            raise Diverged(f"gradients overflow even with losses scaled by {before:g}; try bf16 or fp32")

    @property
    def loss_scale(self) -> float | None:
        """The fp16 loss scale; None in other precisions."""
        scaler = self._accelerate.scaler
        return None if scaler is None else scaler.get_scale()

    @property
    def scaling(self) -> dict[str, Any]:
        """The state of the fp16 loss scaler, serializable as JSON; empty in other precisions."""
        return self._accelerate.scaler.state_dict() if self._accelerate.scaler else {}

    @scaling.setter
    def scaling(self, state: dict[str, Any]) -> None:
        if self._accelerate.scaler and state:
            self._accelerate.scaler.load_state_dict(state)
