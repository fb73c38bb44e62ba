"""Evaluate a run or a bundle: draw with it, measure, and write what was found."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pgtrain.config import from_dict
from pgtrain.data import sources
from pgtrain.data.dataset import Pictures, decoded
from pgtrain.data.images import decode_all
from pgtrain.data.records import Collection
from pgtrain.data.sources import default
from pgtrain.engine.run import EVALUATION, Run
from pgtrain.errors import RequestInvalid
from pgtrain.evaluation import pictures
from pgtrain.evaluation.features.extractors import FeatureName, load_features
from pgtrain.evaluation.sampler import MANIFEST, Artist, BundleArtist, RunArtist
from pgtrain.systems.registry import SYSTEMS

SCHEMA = 2
FEWEST = 8
"""Samples and real examples that figures need."""


@dataclass(frozen=True)
class Question:
    """How to evaluate.

    `data` as in training; `samples` None for as many as there are real examples; `out` None for the run's own
    folder; `model` of a bundle that has several, None for the first that draws from text, or else draws.
    """

    data: str | Path | None = None
    features: FeatureName = "imagenet"
    weights: Path | None = None
    samples: int | None = None
    seed: int = 0
    out: Path | None = None
    model: str | None = None


def evaluate(place: Path, question: Question) -> dict[str, Any]:
    """Judge the run or bundle in the folder `place`.

    Writes metrics.json and, for pictures, samples.png, neighbours.png and (for a text GAN) sheet.png.

    Raises:
        PokeganError: run, bundle, data or feature network cannot be used; nothing is written then.
    """
    bundle = (place / MANIFEST).is_file()
    if bundle and question.out is None:
        raise RequestInvalid(
            f"{place}: is a bundle, which evaluation does not write into; name a folder for the results"
        )
    data = default.fetch() if question.data is None else question.data
    found, drawn = _bundle(place, data, question) if bundle else _run(Run(place), data, question)
    found = {name: _rounded(value) for name, value in ({"schema": SCHEMA, "seed": question.seed} | found).items()}
    out = Run(question.out or place)
    out.make_folder(out.folder)
    with out.writing():
        for name, picture in drawn.items():
            picture.save(out.folder / name)
        out.write(EVALUATION, json.dumps(found, indent=1) + "\n")
    return found


def _bundle(folder: Path, data: str | Path, question: Question) -> pictures.Judged:
    artist = BundleArtist(folder, question.model)
    trained = artist.trained
    known = trained.get("data", {})
    collection = sources.read(data)
    kept = collection.without(collection.held_out(known.get("hold_out", 0.0)))
    about = {
        "system": trained.get("system", artist.model),
        "trained_on_this_data": kept.digest() == known.get("digest"),
        "epochs": trained.get("epoch"),
        "drawn_by": "pgen",
    }
    return _judged(artist, collection, kept, None, about, question)


def _run(run: Run, data: str | Path, question: Question) -> pictures.Judged:
    described = run.described()
    entry = SYSTEMS[described["system"]]
    config = from_dict(entry.config, described["config"], str(run.folder))
    judged: pictures.Judged = entry.load("evaluator")(run, config, data, question)
    return judged


def evaluate_pictures(run: Run, config: Any, data: str | Path, question: Question) -> pictures.Judged:
    """Measure the pictures of a run."""
    described = run.described()
    background = described["data"]["background"]
    collection = sources.read(data)
    kept = collection.without(collection.held_out(described["data"]["hold_out"]))
    real = decoded(collection, config.size, described["encoder"], background)
    artist = RunArtist(run, config, real)
    about = {
        "system": described["system"],
        "trained_on_this_data": kept.digest(background) == described["data"]["digest"],
        "epochs": artist.epochs,
        "drawn_by": "pgtrain",
    }
    return _judged(artist, collection, kept, real, about, question)


def evaluate_rows(run: Run, config: Any, data: str | Path, question: Question) -> pictures.Judged:
    """Measure the rows of a run of the stats GAN; nothing is held out here: labels are asked of the data's own rows."""
    from pgtrain.evaluation import rows
    from pgtrain.systems.stats import generate
    from pgtrain.systems.stats.table import decode, read

    table = read(data, config, None, "keep")
    samples = question.samples or len(table)
    _check_count(samples, len(table))
    described = run.described()
    same = table.identity["digest"] == described["data"]["digest"]
    real = rows.frame(decode(table.stats, table.pairs, table.rarities))
    drawn = rows.frame(generate.generate(generate.load(run.folder), samples, seed=question.seed))
    about = {"system": described["system"], "trained_on_this_data": same, "samples": samples, "real": len(real)}
    return pictures.Judged(about | rows.figures(real, real, drawn, taught=drawn), {})


def _judged(
    artist: Artist,
    collection: Collection,
    kept: Collection,
    decoded_before: Pictures | None,
    about: dict[str, Any],
    question: Question,
) -> pictures.Judged:
    """Measure pictures, where there are enough."""
    records = [record for record in collection.records if record.image]
    _check_count(question.samples or len(records), len(records))
    trained = {record.name for record in kept.records if record.image}
    held = torch.tensor([record.name not in trained for record in records])
    asked = pictures.Asked(load_features(question.features, question.weights), question.samples, question.seed)

    def real(side: int) -> torch.Tensor:
        if decoded_before is None:
            return decode_all(collection.images, side)
        return pictures.reduced(decoded_before.pictures.cpu(), side)

    judged = pictures.judge(artist, real, records, held, asked)
    return pictures.Judged(about | {"features": question.features} | judged.figures, judged.pictures)


def _check_count(samples: int, real: int) -> None:
    if min(samples, real) < FEWEST:
        raise RequestInvalid(f"{min(samples, real)} are too few to measure; it takes {FEWEST} samples and examples")


def _rounded(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _rounded(value) for name, value in found.items()}
    return round(found, 5) if isinstance(found, float) else found
