"""Checks that networks can be compiled, before training starts."""

import os
import shutil
from importlib.util import find_spec

import torch

from pgtrain.errors import ConfigInvalid

COMPILERS = ("g++", "c++", "clang++", "cl", "gcc", "cc", "clang")


def need_compiler(device: torch.device) -> None:
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
