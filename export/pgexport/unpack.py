"""A bundle's text-to-image generator as a run, so that training can go on from a bundle: see ``--start`` of pgtrain."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from pgen.bundle.reader import open_bundle
from pgen.errors import BundleInvalid
from pgexport.atomic import atomic_folder
from pgexport.peers.eager import rebuild
from pgexport.tracing.run_loader import AVERAGED
from pgtrain.engine.run import CHECKPOINT, CONFIG


def unpack(folder: Path, out: Path) -> None:
    """Write the generator of the bundle in `folder` as a run into `out`: configuration and averaged weights.

    Weights that the bundle stores in fewer bits stay rounded. The run has no optimizers, encoders or discriminators: it
    is a start for another run, and cannot be resumed.

    Raises:
        BundleNotFound, BundleInvalid: there is no such bundle, or no text-to-image generator that can be trained on.
        TargetInvalid: `out` cannot be written.
    """
    bundle = open_bundle(folder)
    model = bundle.model("text-to-image")
    network = rebuild(bundle, model).generator
    thaw(network, folder)  # type: ignore[arg-type]
    run: dict[str, Any] = model.provenance["run"]
    described = {name: value for name, value in run.items() if name not in ("epoch", "step", "total")}
    described["data"] |= {"names": bundle.names}
    position = {name: run[name] for name in ("epoch", "step", "total")}
    weights = {AVERAGED + name: value.contiguous() for name, value in network.state_dict().items()}  # type: ignore[union-attr]
    with atomic_folder(out) as staged:
        (staged / CONFIG).write_text(json.dumps(described, indent=1, ensure_ascii=False), "utf-8")
        (staged / CHECKPOINT).write_bytes(save(weights, {"position": json.dumps(position)}))


@torch.no_grad()
def thaw(network: nn.Module, folder: Path) -> None:
    """Undo what freezing did to `network`, in place: batch norms are separate layers again, keys have their own scale.

    Raises:
        BundleInvalid: a layer was folded for good.
    """
    for module in list(network.modules()):
        if callable(thaw_module := getattr(module, "thaw", None)):
            thaw_module()
        elif isinstance(module, nn.Sequential):
            raise BundleInvalid(f"{folder}: its generator has folded layers that cannot be trained; start from its run")
