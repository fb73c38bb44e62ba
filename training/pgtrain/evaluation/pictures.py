"""Judge what a picture GAN draws, beside the artwork that it was trained on."""

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
from pgtrain.evaluation.reference_set import PROMPTS, SEEDS, Drawn, Jury
from pgtrain.evaluation.sampler import Artist, draw_in_turn
from pgtrain.evaluation.sheet import chosen, sheet

DESCRIBED = 1000
"""Prompts that name no Pokémon, at the most."""
INVENTED = 200
"""Names that no Pokémon has, likewise."""
Rows = list[tuple[str, Tensor]]


class Judged(NamedTuple):
    """Figures by name, and the pictures to look at by file name."""

    figures: dict[str, Any]
    pictures: dict[str, Image.Image]


class Asked(NamedTuple):
    """How to judge: the feature network, samples (None: as many as there are real pictures), the first seed.

    `second` is another network that sets of pictures are compared in.
    """

    extract: Extractor
    samples: int | None
    seed: int
    second: Callable[[Tensor], Tensor] | None = None


def judge(
    artist: Artist, real: Callable[[int], Tensor], records: Sequence[Record], held: Tensor, asked: Asked
) -> Judged:
    """Draw and measure. A text GAN is asked for each name in turn, and for descriptions without names.

    Args:
        artist: who draws.
        real: gives the artwork at the size that was drawn: premultiplied RGBA, uint8 (N, 4, S, S).
        records: of those N pictures.
        held: whether a picture was held out from training, bool (N,).
        asked: how.
    """
    samples = asked.samples or len(records)
    subjects = [records[index % len(records)] for index in range(samples)]
    if samples < len(records):
        subjects = [records[index] for index in chosen(len(records), samples)]
    names = [record.name for record in subjects]
    if artist.reads_text:
        pictures, seeds = draw_in_turn(artist, names, asked.seed)
    else:
        seeds = asked.seed + torch.arange(samples)
        pictures = artist.draw([], seeds.tolist())
    side = pictures.shape[-1]
    jury = Jury(real(side), records, held, asked.extract, asked.second)
    drawn = jury.see(pictures, seeds)
    found = {"side": side, "real": len(records), "held_out": int(held.sum())}
    found |= jury.quality(drawn) | {"floor": figures.floor(jury.real.values, samples), "spread_real": jury.spread}
    found["islands_real"] = jury.islands
    if jury.real_second is not None:
        found["second"]["floor"] = figures.floor(jury.real_second, samples)
    shown = {
        "samples.png": grid(drawn.pictures[chosen(samples, 64)].float() / 255),
        "neighbours.png": jury.beside(drawn),
    }
    if not artist.reads_text:
        return Judged(found, shown)
    text, rows = _text(artist, jury, drawn, subjects, asked)
    return Judged(found | text, shown | {"sheet.png": sheet(rows)})


def _text(
    artist: Artist, jury: Jury, drawn: Drawn, subjects: Sequence[Record], asked: Asked
) -> tuple[dict[str, Any], Rows]:
    """Measure what only pictures drawn from text can be asked, and choose what the contact sheet shows."""
    names = [record.name for record in subjects]
    labels = [record.name for record in jury.records]
    varied, over_seeds = jury.over_seeds(artist, list(dict.fromkeys(names)), asked.seed)
    found: dict[str, Any] = {
        "retrieval": figures.retrieval(drawn.features, jury.real, names, labels),
        "changed_by_seed": varied,
        "changed_by_prompt": jury.changed_by_prompt(drawn),
        "text": jury.text(drawn, subjects),
    }
    rows = [(names[index], drawn.pictures[index]) for index in chosen(len(names), 24)]
    several = [names[index] for index in chosen(len(names), PROMPTS)]
    prompts = described(jury.records, min(DESCRIBED, asked.samples or DESCRIBED))
    if prompts:
        spoken = jury.see(*draw_in_turn(artist, [prompt.text for prompt in prompts], asked.seed))
        found["described"] = _described(jury, spoken, prompts)
        found["described"]["changed_by_seed"], _ = jury.over_seeds(
            artist, list(dict.fromkeys(prompt.text for prompt in prompts)), asked.seed
        )
        rows += [(prompts[index].text, spoken.pictures[index]) for index in chosen(len(prompts), 24)]
    names_new = invented([record.name for record in jury.records], min(INVENTED, asked.samples or INVENTED))
    if names_new:
        coined = jury.see(*draw_in_turn(artist, names_new, asked.seed))
        found["invented"] = {
            "changed_by_prompt": jury.changed_by_prompt(coined),
            "changed_by_seed": jury.over_seeds(artist, names_new, asked.seed)[0],
            "islands": islands(coined.pictures),
        }
    for part in (found, *(found[key] for key in ("described", "invented") if key in found)):
        part["seed_over_prompt"] = part["changed_by_seed"] / max(1e-9, part["changed_by_prompt"])
    rows += [(f"{several[0]}, seed {asked.seed + turn}", over_seeds[turn]) for turn in range(SEEDS)]
    return found, rows


def _described(jury: Jury, spoken: Drawn, prompts: Sequence[Described]) -> dict[str, Any]:
    """Measure pictures of descriptions; what they show is told apart by whether any Pokémon is like that."""
    found = jury.quality(spoken) | {"changed_by_prompt": jury.changed_by_prompt(spoken), "text": {}}
    for name, known in (("known", True), ("new", False)):
        rows = [index for index, prompt in enumerate(prompts) if prompt.known is known]
        if rows:
            some = spoken._replace(view=spoken.view[rows])
            found["text"][name] = jury.text(some, [prompts[index] for index in rows])
    return found


def reduced(pictures: Tensor, side: int) -> Tensor:
    """Resize uint8 pictures (N, 4, S, S) to `side`."""
    if pictures.shape[-1] == side:
        return pictures
    return F.interpolate(pictures.float(), size=(side, side), mode="area").round().byte()
