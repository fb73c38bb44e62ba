"""Evaluation of a picture GAN against the artwork that it was trained on."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from pgtrain.data.images import grid
from pgtrain.data.records import Record
from pgtrain.evaluation import figures
from pgtrain.evaluation.features.extractors import Extractor
from pgtrain.evaluation.prompts import Described, described, invented
from pgtrain.evaluation.reference_set import SEEDS, Drawn, ReferenceSet
from pgtrain.evaluation.sampler import Sampler, draw_in_turn
from pgtrain.evaluation.sheet import chosen, sheet

DESCRIBED = 1000
"""Most prompts that describe a Pokémon without its name."""
INVENTED = 200
"""Most invented names."""
LEAST_CHANGE = 1e-3
"""Change by the prompt below which the ratio of the change by the seed to it is not measurable."""
Rows = list[tuple[str, Tensor]]


class Evaluation(NamedTuple):
    """Figures by name, and pictures by file name."""

    figures: dict[str, Any]
    pictures: dict[str, Image.Image]


class Settings(NamedTuple):
    """The feature network, the number of samples (None: as many as real pictures), and the first seed.

    `second` is a second feature network, for distances between sets of pictures.
    """

    extract: Extractor
    samples: int | None
    seed: int
    second: Callable[[Tensor], Tensor] | None = None


def measure(
    sampler: Sampler, real: Callable[[int], Tensor], records: Sequence[Record], held: Tensor, settings: Settings
) -> Evaluation:
    """Draw pictures and measure them. A text GAN draws each name in turn, descriptions, and invented names.

    Args:
        sampler: draws the pictures.
        real: returns the artwork at a size in pixels: premultiplied RGBA, uint8 (N, 4, S, S).
        records: of those N pictures.
        held: whether a picture was held out from training, bool (N,).
        settings: feature networks, samples and seed.
    """
    samples = settings.samples or len(records)
    subjects = [records[index % len(records)] for index in range(samples)]
    if samples < len(records):
        subjects = [records[index] for index in chosen(len(records), samples)]
    names = [record.name for record in subjects]
    if sampler.reads_text:
        pictures, seeds = draw_in_turn(sampler, names, settings.seed)
    else:
        seeds = settings.seed + torch.arange(samples)
        pictures = sampler.draw([], seeds.tolist())
    side = pictures.shape[-1]
    reference = ReferenceSet(real(side), records, held, settings.extract, settings.second)
    drawn = reference.see(pictures, seeds)
    results: dict[str, Any] = {"side": side, "real": len(records), "held_out": int(held.sum())}
    results |= reference.quality(drawn) | {
        "floor": figures.floor(reference.real.values, samples),
        "spread_real": reference.spread,
        "islands_real": reference.islands,
    }
    if reference.real_second is not None:
        results["second"]["floor"] = figures.floor(reference.real_second, samples)
    shown = {
        "samples.png": grid(drawn.pictures[chosen(samples, 64)].float() / 255),
        "neighbors.png": reference.beside(drawn),
    }
    if not sampler.reads_text:
        return Evaluation(results, shown)
    text, rows = _text(sampler, reference, drawn, subjects, settings)
    return Evaluation(results | text, shown | {"sheet.png": sheet(rows)})


def _text(
    sampler: Sampler, reference: ReferenceSet, drawn: Drawn, subjects: Sequence[Record], settings: Settings
) -> tuple[dict[str, Any], Rows]:
    """Measure the figures of pictures drawn from text, and choose the pictures of the contact sheet."""
    names = [record.name for record in subjects]
    labels = [record.name for record in reference.records]
    changes, over_seeds = _changes(sampler, reference, drawn, names, settings.seed)
    results: dict[str, Any] = {
        "retrieval": figures.retrieval(drawn.features, reference.real, names, labels),
        **changes,
        "text": reference.text(drawn, subjects),
    }
    rows = [(names[index], drawn.pictures[index]) for index in chosen(len(names), 24)]
    prompts = described(reference.records, min(DESCRIBED, settings.samples or DESCRIBED))
    if prompts:
        texts = [prompt.text for prompt in prompts]
        drawn = reference.see(*draw_in_turn(sampler, texts, settings.seed))
        results["described"] = _described(reference, drawn, prompts)
        results["described"] |= _changes(sampler, reference, drawn, texts, settings.seed)[0]
        rows += [(texts[index], drawn.pictures[index]) for index in chosen(len(texts), 24)]
    coined = invented(labels, min(INVENTED, settings.samples or INVENTED))
    if coined:
        drawn = reference.see(*draw_in_turn(sampler, coined, settings.seed))
        results["invented"] = {"islands": figures.islands(drawn.pictures)}
        results["invented"] |= _changes(sampler, reference, drawn, coined, settings.seed)[0]
    rows += [(f"{names[0]}, seed {settings.seed + turn}", over_seeds[turn]) for turn in range(SEEDS)]
    return results, rows


def _changes(
    sampler: Sampler, reference: ReferenceSet, drawn: Drawn, prompts: Sequence[str], seed: int
) -> tuple[dict[str, Any], Tensor]:
    """Measure the effects of seed and prompt; also return the pictures of some prompts with SEEDS seeds each."""
    by_prompt = reference.changed_by_prompt(drawn)
    by_seed, pictures = reference.over_seeds(sampler, list(dict.fromkeys(prompts)), seed)
    ratio = by_seed / by_prompt if by_prompt >= LEAST_CHANGE else None
    return {"changed_by_seed": by_seed, "changed_by_prompt": by_prompt, "seed_over_prompt": ratio}, pictures


def _described(reference: ReferenceSet, drawn: Drawn, prompts: Sequence[Described]) -> dict[str, Any]:
    """Measure pictures of descriptions, separately for known and for new combinations."""
    results = reference.quality(drawn) | {"text": {}}
    for name, known in (("known", True), ("new", False)):
        rows = [index for index, prompt in enumerate(prompts) if prompt.known is known]
        if rows:
            selected = drawn._replace(view=drawn.view[rows])
            results["text"][name] = reference.text(selected, [prompts[index] for index in rows])
    return results


def reduced(pictures: Tensor, side: int) -> Tensor:
    """Resize uint8 pictures (N, 4, S, S) to `side`."""
    if pictures.shape[-1] == side:
        return pictures
    return F.interpolate(pictures.float(), size=(side, side), mode="area").round().byte()
