"""Where an export starts: the averaged generator of a run."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pgtrain import checkpoint
from pgtrain.config import from_dict
from pgtrain.errors import RunInvalid
from pgtrain.layers import GatedConv
from pgtrain.run import Run
from pgtrain.stackgan.config import StackGANConfig
from pgtrain.stackgan.networks import Generator

AVERAGED = "network.average.module."


@dataclass(frozen=True)
class Source:
    """A trained generator in eval mode, its configuration, and everything its run says about itself."""

    generator: Generator
    config: StackGANConfig
    described: dict[str, Any]
    position: dict[str, int]
    metrics: dict[str, Any]
    evaluation: dict[str, Any]


def load_run(folder: Path) -> Source:
    """Load the averaged generator of the run in `folder`, without its stage II if that was never trained.

    Raises:
        RunNotFound, RunInvalid: no run, a damaged checkpoint, or one of another version's networks.
    """
    run = Run(folder)
    described = run.described()
    config = from_dict(StackGANConfig, described["config"], str(folder))
    tensors, metadata = checkpoint.read(run.checkpoint, AVERAGED)
    try:
        whitened_dim, text_dim = tensors["whitening.linear.weight"].shape
        generator = Generator(config, text_dim, whitened_dim)
        generator.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise RunInvalid(f"{run.checkpoint}: does not fit its config.json ({reason})") from error
    position = metadata["position"]
    if (position["epoch"], position["step"]) <= (config.stage1_epochs, 0):
        generator.stage2 = None
    metrics = run.metrics()
    last = metrics[-1] if metrics else {}
    return Source(generator.eval(), config, described, position, last, run.evaluation())


@torch.no_grad()
def fold_batch_norm(generator: nn.Module) -> None:
    """Fold every batch norm of `generator` (in eval mode) into the layer before it, in place."""
    for module in generator.modules():
        if isinstance(module, GatedConv):
            norm = module.norm.norm
            if isinstance(norm, nn.BatchNorm2d):
                module.conv = nn.utils.fuse_conv_bn_eval(module.conv, norm)
                module.norm.register_module("norm", nn.Identity())
        elif isinstance(module, nn.Sequential):
            _fold_sequence(module)


def _fold_sequence(layers: nn.Sequential) -> None:
    for number, (layer, norm) in enumerate(pairwise(layers)):
        if isinstance(layer, nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
            layers[number] = nn.utils.fuse_conv_bn_eval(layer, norm, transpose=True)
        elif isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
            layers[number] = nn.utils.fuse_linear_bn_eval(layer, norm)
        else:
            continue
        layers[number + 1] = nn.Identity()
