"""Evaluate a picture GAN against the artwork that it was trained on."""

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
from pgtrain.evaluation.islands import islands
from pgtrain.evaluation.prompts import Described, described, invented
from pgtrain.evaluation.reference_set import PROMPTS, SEEDS, Drawn, ReferenceSet
from pgtrain.evaluation.sampler import Sampler, draw_in_turn
from pgtrain.evaluation.sheet import chosen, sheet

DESCRIBED = 1000
"""Prompts that name no Pokémon, at the most."""
INVENTED = 200
"""Names that no Pokémon has, likewise."""
LEAST_CHANGE = 1e-3
"""Change by the prompt below which the change by the seed is not measured against it."""
Rows = list[tuple[str, Tensor]]


class Evaluation(NamedTuple):
    """Figures by name, and the pictures to look at by file name."""

    figures: dict[str, Any]
    pictures: dict[str, Image.Image]


class Settings(NamedTuple):
    """How to measure: the feature network, samples (None: as many as there are real pictures), the first seed.

    `second` is another network that sets of pictures are compared in.
    """

    extract: Extractor
    samples: int | None
    seed: int
    second: Callable[[Tensor], Tensor] | None = None


def measure(
    sampler: Sampler, real: Callable[[int], Tensor], records: Sequence[Record], held: Tensor, settings: Settings
) -> Evaluation:
    """Draw and measure. A text GAN draws each name in turn, and descriptions without names.

    Args:
        sampler: draws the pictures.
        real: gives the artwork at the size that was drawn: premultiplied RGBA, uint8 (N, 4, S, S).
        records: of those N pictures.
        held: whether a picture was held out from training, bool (N,).
        settings: how.
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
    """Measure what only pictures drawn from text have, and choose what the contact sheet shows."""
    names = [record.name for record in subjects]
    labels = [record.name for record in reference.records]
    varied, over_seeds = reference.over_seeds(sampler, list(dict.fromkeys(names)), settings.seed)
    results: dict[str, Any] = {
        "retrieval": figures.retrieval(drawn.features, reference.real, names, labels),
        "changed_by_seed": varied,
        "changed_by_prompt": reference.changed_by_prompt(drawn),
        "text": reference.text(drawn, subjects),
    }
    rows = [(names[index], drawn.pictures[index]) for index in chosen(len(names), 24)]
    several = [names[index] for index in chosen(len(names), PROMPTS)]
    prompts = described(reference.records, min(DESCRIBED, settings.samples or DESCRIBED))
    if prompts:
        spoken = reference.see(*draw_in_turn(sampler, [prompt.text for prompt in prompts], settings.seed))
        results["described"] = _described(reference, spoken, prompts)
        results["described"]["changed_by_seed"], _ = reference.over_seeds(
            sampler, list(dict.fromkeys(prompt.text for prompt in prompts)), settings.seed
        )
        rows += [(prompts[index].text, spoken.pictures[index]) for index in chosen(len(prompts), 24)]
    coined = invented([record.name for record in reference.records], min(INVENTED, settings.samples or INVENTED))
    if coined:
        drawn = reference.see(*draw_in_turn(sampler, coined, settings.seed))
        results["invented"] = {
            "changed_by_prompt": reference.changed_by_prompt(drawn),
            "changed_by_seed": reference.over_seeds(sampler, coined, settings.seed)[0],
            "islands": islands(drawn.pictures),
        }
    for part in (results, *(results[key] for key in ("described", "invented") if key in results)):
        prompt = part["changed_by_prompt"]
        part["seed_over_prompt"] = part["changed_by_seed"] / prompt if prompt >= LEAST_CHANGE else None
    rows += [(f"{several[0]}, seed {settings.seed + turn}", over_seeds[turn]) for turn in range(SEEDS)]
    return results, rows


def _described(reference: ReferenceSet, spoken: Drawn, prompts: Sequence[Described]) -> dict[str, Any]:
    """Measure pictures of descriptions, separately for combinations that some Pokémon has and for new ones."""
    results = reference.quality(spoken) | {"changed_by_prompt": reference.changed_by_prompt(spoken), "text": {}}
    for name, known in (("known", True), ("new", False)):
        rows = [index for index, prompt in enumerate(prompts) if prompt.known is known]
        if rows:
            some = spoken._replace(view=spoken.view[rows])
            results["text"][name] = reference.text(some, [prompts[index] for index in rows])
    return results


def reduced(pictures: Tensor, side: int) -> Tensor:
    """Resize uint8 pictures (N, 4, S, S) to `side`."""
    if pictures.shape[-1] == side:
        return pictures
    return F.interpolate(pictures.float(), size=(side, side), mode="area").round().byte()
