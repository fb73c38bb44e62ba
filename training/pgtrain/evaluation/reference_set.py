"""The real artwork, and figures of drawn pictures relative to it."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from pgtrain.data.images import grid
from pgtrain.data.records import Record
from pgtrain.evaluation import figures
from pgtrain.evaluation.copying import Artwork
from pgtrain.evaluation.features.extractors import Extractor, Features
from pgtrain.evaluation.labels import Classifier, Shown, agreement, view
from pgtrain.evaluation.prompts import KINDS, Described
from pgtrain.evaluation.sampler import Sampler
from pgtrain.evaluation.sheet import chosen
from pgtrain.models.compositing import on_white

COMPARED = 12
"""Samples whose nearest real pictures are shown."""
PROMPTS, SEEDS = 32, 8
"""Prompts, and pictures of each, for measuring the effect of the seed."""


class Drawn(NamedTuple):
    """Pictures of a sampler: premultiplied RGBA uint8 (N, 4, S, S), features, inputs of the classifiers, seeds."""

    pictures: Tensor
    features: Features
    view: Any
    seeds: Tensor


class ReferenceSet:
    """The real artwork and its features, for comparison with any sampler."""

    def __init__(
        self,
        real: Tensor,
        records: Sequence[Record],
        held: Tensor,
        extract: Extractor,
        second: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """Compute the features of the artwork.

        Args:
            real: premultiplied RGBA, uint8 (N, 4, S, S).
            records: of those N pictures.
            held: whether a picture was held out from training, bool (N,).
            extract: the feature network.
            second: a second feature network, for distances between sets of pictures.
        """
        self.extract, self.records, self.pictures, self.second = extract, records, real, second
        pixels, flipped = as_pixels(real), as_pixels(real.flip(3))
        self.real, mirrored = extract(pixels), extract(flipped)
        families = [record.family or record.name for record in records]
        self.artwork = Artwork(self.real, mirrored, families, held)
        self.real_second = second(pixels) if second else None
        self.islands = figures.islands(real)
        self.spread = figures.spread(self.real.embeddings)
        views = view(pixels, self.real.values), view(flipped, mirrored.values)
        self.classifiers = {}
        for kind in KINDS:
            shown = Shown.of([labels_of(record, kind) for record in records])
            if shown.is_separable(families):
                self.classifiers[kind] = Classifier(*views, shown, families)

    def see(self, pictures: Tensor, seeds: Tensor) -> Drawn:
        """Compute the features of drawn pictures."""
        pixels = as_pixels(pictures)
        features = self.extract(pixels)
        return Drawn(pictures, features, view(pixels, features.values), seeds)

    def quality(self, drawn: Drawn) -> dict[str, Any]:
        """Compare a set of drawn pictures with the artwork."""
        values, real = drawn.features.values, self.real.values
        results: dict[str, Any] = {"samples": len(values)}
        results |= figures.kernel_distance(values, real) | figures.frechet_distance(values, real)
        results |= figures.precision_recall(values, real)
        results["islands"] = figures.islands(drawn.pictures)
        if self.second and self.real_second is not None:
            values = self.second(as_pixels(drawn.pictures))
            results["second"] = figures.kernel_distance(values, self.real_second)
            results["second"] |= figures.frechet_distance(values, self.real_second)
        return results | {
            "spread": figures.spread(drawn.features.embeddings),
            "copying": self.artwork.copying(drawn.features),
        }

    def text(self, drawn: Drawn, subjects: Sequence[Record | Described]) -> dict[str, dict[str, float | None]]:
        """Measure by the classifiers whether the pictures show the labels in their prompts."""
        results = {}
        for kind, classifier in self.classifiers.items():
            ceiling = agreement(classifier.predictions, classifier.shown.flags)["found"]
            named = Shown.of([labels_of(subject, kind) for subject in subjects], classifier.shown.names)
            results[kind] = agreement(classifier.predict(drawn.view), named.flags, ceiling)
        return results

    def changed_by_prompt(self, drawn: Drawn) -> float:
        """Mean distance of two pictures with one seed and different prompts, relative to that of two real pictures."""
        groups = [drawn.features.embeddings[drawn.seeds == seed] for seed in set(drawn.seeds.tolist())]
        spreads = [figures.spread(group) for group in groups if len(group) > 1]
        return sum(spreads) / max(1, len(spreads)) / self.spread

    def over_seeds(self, sampler: Sampler, prompts: Sequence[str], seed: int) -> tuple[float, Tensor]:
        """Draw some prompts with several seeds: mean distance within a prompt, relative to that of two real pictures.

        Returns:
            The relative distance, and the pictures as :meth:`Sampler.draw` returns them.
        """
        selected = [prompts[index] for index in chosen(len(prompts), PROMPTS)]
        drawn = self.see(sampler.draw(selected, range(seed, seed + SEEDS)), torch.arange(SEEDS).repeat(len(selected)))
        groups: tuple[Tensor, ...] = torch.split(drawn.features.embeddings, SEEDS)
        return sum(figures.spread(group) for group in groups) / len(groups) / self.spread, drawn.pictures

    def beside(self, drawn: Drawn) -> Image.Image:
        """Lay out samples (first column), each beside its nearest real pictures, nearest first."""
        nearest = self.artwork.nearest(drawn.features)
        rows = [
            torch.cat([drawn.pictures[index, None], self.pictures[nearest[index]]])
            for index in chosen(len(nearest), COMPARED)
        ]
        return grid(torch.cat(rows).float() / 255, columns=1 + nearest.shape[1])


def labels_of(subject: Record | Described, kind: str) -> tuple[str, ...]:
    """Return the labels of `kind` of a record or a prompt."""
    value = getattr(subject, kind)
    return value if isinstance(value, tuple) else tuple(filter(None, (value,)))


def as_pixels(premultiplied: Tensor) -> Tensor:
    """Lay premultiplied RGBA, uint8 (N, 4, S, S), on white: uint8 RGB (N, 3, S, S)."""
    return (on_white(premultiplied.float() / 255).clamp(0, 1) * 255).round().byte()
