"""Trains the package's own feature network; needed only to train it again.

    python -m pgtrain.evaluation.features.train_feature_network --data shared/data/pokemon

Multi-task: binary cross-entropy of the 18 types, cross-entropy of color and of shape, and InfoNCE (van den Oord et
al., 2018, arXiv:1807.03748) between two augmented views of a picture. A fifth of the evolution families is held out;
the accuracies on them are written to artwork.json beside the weights.
"""

import argparse
import json
import random
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from pgtrain.data import sources
from pgtrain.data.images import decode_all
from pgtrain.evaluation.features.artwork import SIDE, WEIGHTS, ArtworkNetwork, resized
from pgtrain.models.augment import augment
from pgtrain.models.compositing import on_white

SMALL = 64
"""Half of the views are reduced to this many pixels a side, those of the generators."""
TEMPERATURE = 0.2
BATCH = 96


class Labeled(NamedTuple):
    """Premultiplied RGBA uint8 (N, 4, 128, 128); types float (N, T); color and shape int64 (N,), -1: unknown."""

    pictures: Tensor
    types: Tensor
    color: Tensor
    shape: Tensor

    def take(self, indices: Tensor) -> "Labeled":
        """Select rows."""
        return Labeled(*(column[indices] for column in self))


def read(folder: Path) -> tuple[Labeled, list[int], dict[str, list[str]]]:
    """Read pictures and labels, the family of each picture, and the names of the labels."""
    records = [record for record in sources.read(folder).records if record.image]
    names = {
        "types": sorted({kind for record in records for kind in record.types}),
        "color": sorted({record.color for record in records} - {""}),
        "shape": sorted({record.shape for record in records} - {""}),
    }
    types = torch.tensor([[float(kind in record.types) for kind in names["types"]] for record in records])
    color = torch.tensor([names["color"].index(record.color) if record.color else -1 for record in records])
    shape = torch.tensor([names["shape"].index(record.shape) if record.shape else -1 for record in records])
    pictures = decode_all([record.image for record in records if record.image], SIDE)
    return Labeled(pictures, types, color, shape), [int(record.family) for record in records], names


def split(families: list[int]) -> tuple[Tensor, Tensor]:
    """Hold out a fifth of the families: indices of training pictures and of held-out ones."""
    unique = sorted(set(families))
    held = set(random.Random(0).sample(unique, round(0.2 * len(unique))))
    mask = torch.tensor([family in held for family in families])
    return (~mask).nonzero()[:, 0], mask.nonzero()[:, 0]


def view(pictures: Tensor) -> Tensor:
    """Make one augmented view of uint8 premultiplied RGBA pictures: float (N, 3, 128, 128) in 0..1."""
    seen = on_white(augment(pictures.float() / 255))
    coarse = resized(resized(seen, SMALL), SIDE)
    return torch.where(torch.rand(len(seen), 1, 1, 1) < 0.5, coarse, seen)


def contrast(first: Tensor, second: Tensor) -> Tensor:
    """Symmetric InfoNCE between unit vectors (N, E) of the same pictures: ()."""
    similarity = first @ second.T / TEMPERATURE
    targets = torch.arange(len(first))
    return (F.cross_entropy(similarity, targets) + F.cross_entropy(similarity.T, targets)) / 2


def label_loss(logits: dict[str, Tensor], batch: Labeled) -> Tensor:
    """Sum the losses of types, color and shape: ()."""
    total = 4 * F.binary_cross_entropy_with_logits(logits["types"], batch.types)
    for name in ("color", "shape"):
        total = total + F.cross_entropy(logits[name], getattr(batch, name), ignore_index=-1, label_smoothing=0.1)
    return total


@torch.no_grad()
def accuracies(network: ArtworkNetwork, held: Labeled) -> dict[str, float]:
    """Measure accuracies on held-out pictures, each with the share of the most frequent label as a baseline."""
    seen = on_white(held.pictures.float() / 255)
    pooled = network.eval().pooled(seen)
    predicted = {name: logits.argmax(1) for name, logits in network.classify(pooled).items()}
    figures = {"type": held.types.gather(1, predicted["types"][:, None]).mean().item()}
    figures["type_most_frequent"] = held.types.mean(0).max().item()
    for name in ("color", "shape"):
        true = getattr(held, name)
        figures[name] = (predicted[name] == true).float().mean().item()
        figures[f"{name}_most_frequent"] = true.bincount().max().item() / len(true)
    similarity = network.embedding(network.pooled(view(held.pictures))) @ network.embedding(pooled).T
    figures["found_again"] = (similarity.argmax(1) == torch.arange(len(seen))).float().mean().item()
    return {name: round(value, 4) for name, value in figures.items()}


def train_feature_network(data: Labeled, names: dict[str, list[str]], epochs: int) -> ArtworkNetwork:
    """Train a new network."""
    network = ArtworkNetwork(names).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.05)
    steps = epochs * (len(data.pictures) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for epoch in range(epochs):
        for indices in torch.split(torch.randperm(len(data.pictures)), BATCH)[: steps // epochs]:
            batch = data.take(indices)
            views = torch.cat([view(batch.pictures), view(batch.pictures)])
            with torch.autocast("cpu", torch.bfloat16):
                pooled = network.pooled(views.contiguous(memory_format=torch.channels_last))
                first, second = network.embedding(pooled.float()).chunk(2)
            doubled = Labeled(*(torch.cat([column, column]) for column in batch))
            loss = contrast(first.float(), second.float()) + label_loss(network.classify(pooled.float()), doubled)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
        print(epoch + 1, round(loss.item(), 4), flush=True)
    return network


@torch.no_grad()
def standardize(network: ArtworkNetwork, pictures: Tensor) -> None:
    """Fit the mean and deviation that features are scaled by, over `pictures`."""
    pooled = network.eval().pooled(on_white(pictures.float() / 255))
    network.mean.copy_(pooled.mean(0))
    network.deviation.copy_(pooled.std(0) + 1e-3)


def main() -> None:
    """Train, measure, and write weights and figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with metadata.jsonl")
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    data, families, names = read(arguments.data)
    rows, held = split(families)
    network = train_feature_network(data.take(rows), names, arguments.epochs)
    standardize(network, data.pictures[rows])
    figures = accuracies(network, data.take(held))
    report = {
        "trained_on": len(rows),
        "held_out": len(held),
        "epochs": arguments.epochs,
        "held_out_accuracy": figures,
        "labels": names,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    stored = {
        name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()
    }
    save_file({name: value.contiguous() for name, value in stored.items()}, arguments.out)
    arguments.out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(report)


if __name__ == "__main__":
    main()
