"""Device and precision: a thin layer over accelerate that every system trains through."""

from contextlib import AbstractContextManager
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer, RMSprop

Precision = Literal["auto", "fp32", "bf16", "fp16"]


def best_precision() -> Precision:
    """bf16 where the hardware multiplies it (CUDA from Ampere, CPUs with AVX-512 BF16 or AMX), fp16 on older CUDA."""
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    capabilities = torch.cpu.get_capabilities()
    fast = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16")
    return "bf16" if fast else "fp32"


class Engine:
    """Runs forward passes in the chosen precision and applies losses (with loss scaling for fp16)."""

    def __init__(self, precision: Precision = "auto") -> None:
        self.precision = best_precision() if precision == "auto" else precision
        # accelerate keeps the first precision of a process for ever; each training here chooses its own.
        AcceleratorState._reset_state()
        mixed = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}[self.precision]
        self.accelerator = Accelerator(mixed_precision=mixed, cpu=not torch.cuda.is_available())
        self.device = self.accelerator.device

    def place(self, network: nn.Module) -> nn.Module:
        """Move `network` to the device, channels-last: the layout that bf16 and fp16 convolutions are fast in."""
        network.to(self.device)
        return network.to(memory_format=torch.channels_last)

    def adam(self, network: nn.Module, lr: float, betas: tuple[float, float]) -> Optimizer:
        """Make an Adam (AdamW without decay, fused) for the trainable parameters of `network`."""
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = AdamW(trained, lr=lr, betas=betas, weight_decay=0.0, fused=True)
        return self.accelerator.prepare_optimizer(optimizer)  # type: ignore[no-any-return]

    def rmsprop(self, network: nn.Module, lr: float) -> Optimizer:
        """Make an RMSProp for the parameters of `network`."""
        return self.accelerator.prepare_optimizer(RMSprop(network.parameters(), lr=lr))  # type: ignore[no-any-return]

    def autocast(self) -> AbstractContextManager[None]:
        """Enter the context for forward passes; parameters stay float32."""
        return self.accelerator.autocast()  # type: ignore[no-any-return]

    def step(self, optimizer: Optimizer, loss: Tensor) -> None:
        """Backpropagate `loss`, update with `optimizer`, and clear its gradients."""
        self.accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
