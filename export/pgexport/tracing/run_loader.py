"""Where an export starts: the averaged generator of a run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pgtrain.config import from_dict
from pgtrain.engine import checkpoint
from pgtrain.engine.run import Run
from pgtrain.errors import RunInvalid
from pgtrain.models.layers import GatedConv
from pgtrain.systems.dcgan.system import Generator as DCGANGenerator
from pgtrain.systems.registry import SYSTEMS
from pgtrain.systems.stackgan.networks import Generator
from pgtrain.systems.stats.generate import restored
from pgtrain.systems.wgan.system import Generator as WGANGenerator

AVERAGED = "network.average.module."
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Source:
    """A trained generator of `system` in eval mode, its configuration, and everything its run says about itself."""

    system: str
    generator: Any
    config: Any
    described: dict[str, Any]
    position: dict[str, int]
    metrics: dict[str, Any]
    evaluation: dict[str, Any]

    @property
    def unfinished(self) -> str:
        """Say how far a run came that stopped before the epochs it was asked for; "" for a finished one."""
        asked, done = self.described["epochs"], self.position["epoch"]
        return f"stopped after {done} of {asked} epochs" if asked is not None and done < asked else ""


def load_run(folder: Path) -> Source:
    """Load the averaged generator of the run in `folder`; a stackgan's without its stage II if that was never trained.

    Raises:
        RunNotFound, RunInvalid: no run, one that is being trained, a damaged checkpoint, one of another system's or
            version's networks, or weights that are no numbers.
    """
    run = Run(folder)
    described = run.described()
    if run.is_training():
        raise RunInvalid(f"{folder}: is being trained by another process; wait until it is done, or stop it")
    system = described["system"]
    if system not in SYSTEMS:
        raise RunInvalid(f"{folder}: is a run of {system!r}, which this version does not know; pip install -U pokegan")
    config = from_dict(SYSTEMS[system].config, described["config"], str(folder))
    tensors, metadata = checkpoint.read(run.checkpoint, AVERAGED)
    _check_finite(run.checkpoint, tensors)
    try:
        generator: Any = GENERATORS[system](config, tensors)
        position = {name: int(metadata["position"][name]) for name in ("epoch", "step", "total")}
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise RunInvalid(
            f"{run.checkpoint}: does not fit its config.json ({reason}); it is of another system or version"
        ) from error
    if system == "stackgan" and (position["epoch"], position["step"]) <= (config.stage1_epochs, 0):
        generator.stage2 = None
    metrics = run.metrics()
    last = metrics[-1] if metrics else {}
    return Source(system, generator.eval(), config, described, position, last, run.evaluation())


def _check_finite(path: Path, tensors: Weights) -> None:
    broken = [name for name, value in tensors.items() if not torch.isfinite(value).all()]
    if broken:
        raise RunInvalid(
            f"{path}: {len(broken)} of {len(tensors)} weights hold NaN or infinity, such as {broken[0]}; "
            "the training diverged: train again"
        )


def _stackgan(config: Any, weights: Weights) -> nn.Module:
    whitened_dim, text_dim = weights["whitening.linear.weight"].shape
    return _filled(Generator(config, text_dim, whitened_dim), weights)


def _filled(network: nn.Module, weights: Weights) -> nn.Module:
    network.load_state_dict(weights)
    return network


GENERATORS: dict[str, Callable[[Any, Weights], nn.Module]] = {
    "dcgan": lambda config, weights: _filled(DCGANGenerator(config), weights),
    "stackgan": _stackgan,
    "stats": restored,
    "wgan": lambda config, weights: _filled(WGANGenerator(config), weights),
}
"""How each system's averaged generator is rebuilt from its configuration and weights."""


@torch.no_grad()
def fold_batch_norm(generator: nn.Module) -> None:
    """Fold every batch norm of `generator` (in eval mode) into the layer before it, in place."""
    for module in list(generator.modules()):
        if isinstance(module, GatedConv):
            norm = module.norm.norm
            if isinstance(norm, nn.BatchNorm2d):
                module.conv = nn.utils.fuse_conv_bn_eval(module.conv, norm)
                module.norm.register_module("norm", nn.Identity())
        elif isinstance(module, WGANGenerator):
            _fold_dense(module)
        elif isinstance(module, nn.Sequential):
            _fold_sequence(module)


def _fold_dense(generator: WGANGenerator) -> None:
    """Fold the norm that a dense layer's numbers meet as the channels of an 8x8 picture."""
    dense, norm = generator.dense, generator.layers[0]
    if isinstance(norm, nn.BatchNorm2d):
        scale, shift = _affine(norm)
        places = dense.out_features // norm.num_features
        scale, shift = scale.repeat_interleave(places), shift.repeat_interleave(places)
        dense.weight.mul_(scale[:, None])
        dense.bias.mul_(scale).add_(shift)
        generator.layers[0] = nn.Identity()


def _affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return scale, norm.bias - norm.running_mean * scale


def _fold_sequence(layers: nn.Sequential) -> None:
    for (home, key, layer), (norm_home, norm_key, norm) in pairwise(list(_leaves(layers))):
        if isinstance(layer, nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
            home[key] = nn.utils.fuse_conv_bn_eval(layer, norm, transpose=True)
        elif isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            home[key] = nn.utils.fuse_conv_bn_eval(layer, norm)
        elif isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
            home[key] = nn.utils.fuse_linear_bn_eval(layer, norm)
        else:
            continue
        norm_home[norm_key] = nn.Identity()


def _leaves(layers: nn.Sequential) -> Iterator[tuple[nn.Sequential, int, nn.Module]]:
    """Walk the layers of a sequence in order, and those of sequences in it: where each is, and the layer."""
    for key, layer in enumerate(layers):
        if isinstance(layer, nn.Sequential):
            yield from _leaves(layer)
        else:
            yield layers, key, layer
