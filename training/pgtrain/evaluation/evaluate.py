"""Evaluate a run or a bundle: draw with it, measure, and write the results."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from pgtrain.config import from_dict
from pgtrain.data import sources
from pgtrain.data.dataset import decoded
from pgtrain.data.images import decode_all
from pgtrain.data.options import DEFAULT, DataOptions
from pgtrain.data.records import Collection
from pgtrain.data.sources import default
from pgtrain.engine.run import EVALUATION, Run, Sources
from pgtrain.errors import FolderMissing, RequestInvalid
from pgtrain.evaluation import pictures
from pgtrain.evaluation.features.extractors import FeatureName, load_features, load_second
from pgtrain.evaluation.sampler import MANIFEST, BundleSampler, RunSampler, Sampler
from pgtrain.systems.registry import SYSTEMS

Places = str | Path | Sequence[str | Path]
"""Where data is read from."""

SCHEMA = 3
FEWEST = 8
"""Samples and real examples that figures need."""


@dataclass(frozen=True)
class Options:
    """How to evaluate.

    `data` as in training, None for the run's own or, of a bundle, the default data set; `samples` None for as many as
    there are real examples; `out` None for the run's own folder; `model` of a bundle that has several, None for the
    first that draws from text, or else draws;
    `second` whether sets of pictures are also compared in the features of DINOv2.
    """

    data: Sources = None
    features: FeatureName = "imagenet"
    weights: Path | None = None
    samples: int | None = None
    seed: int = 0
    out: Path | None = None
    model: str | None = None
    second: bool = True


def evaluate(place: Path, options: Options) -> dict[str, Any]:
    """Judge the run or bundle in the folder `place`.

    Writes metrics.json and, for pictures, samples.png, neighbors.png and (for a text GAN) sheet.png.

    Raises:
        PokeganError: run, bundle, data or feature network cannot be used; nothing is written then.
    """
    bundle = (place / MANIFEST).is_file()
    if bundle and options.out is None:
        raise FolderMissing(f"{place}: is a bundle, which is not written into; name a folder for the results")
    results, drawn = _bundle(place, options) if bundle else _run(Run(place), options)
    results = {name: _rounded(value) for name, value in ({"schema": SCHEMA, "seed": options.seed} | results).items()}
    out = Run(options.out or place)
    out.make_folder(out.folder)
    with out.writing():
        for name, picture in drawn.items():
            out.write_picture(name, picture)
        out.write(EVALUATION, json.dumps(results, indent=1) + "\n")
    return results


def _bundle(folder: Path, options: Options) -> pictures.Evaluation:
    sampler = BundleSampler(folder, options.model)
    trained = sampler.trained
    known = trained.get("data", {})
    data = default.fetch() if options.data is None else options.data
    collection, reading = _selected(data, known)
    kept = collection.without(collection.held_out(reading.hold_out))
    about = {
        "system": trained.get("system", sampler.model),
        "trained_on_this_data": kept.digest(reading.background, reading.resample) == known.get("digest"),
        "epochs": trained.get("epoch"),
        "drawn_by": "pgen",
    }
    return _measured(sampler, collection, kept, partial(decode_all, collection.images, options=reading), about, options)


def _selected(data: Places, recorded: Mapping[str, Any]) -> tuple[Collection, DataOptions]:
    """Read the pictures that a run whose data were `recorded` would be trained on."""
    options = DataOptions.recorded(recorded)
    collection = sources.read(data, options.caption_column)
    return collection.select(options if collection.views else replace(options, view=None, shiny=False))


def _run(run: Run, options: Options) -> pictures.Evaluation:
    described = run.described()
    data = run.sources() if options.data is None else options.data
    data = default.fetch() if data is None else data
    entry = SYSTEMS[described["system"]]
    config = from_dict(entry.config, described["config"], str(run.folder))
    evaluation: pictures.Evaluation = entry.load("evaluator")(run, config, data, options)
    return evaluation


def evaluate_pictures(run: Run, config: Any, data: Places, options: Options) -> pictures.Evaluation:
    """Measure the pictures of a run."""
    described = run.described()
    collection, reading = _selected(data, described["data"])
    kept = collection.without(collection.held_out(reading.hold_out))
    real = decoded(collection, config.size, described["encoder"], reading)
    sampler = RunSampler(run, config, real)
    about = {
        "system": described["system"],
        "trained_on_this_data": kept.digest(reading.background, reading.resample) == described["data"]["digest"],
        "epochs": sampler.epochs,
        "drawn_by": "pgtrain",
    }
    return _measured(sampler, collection, kept, partial(pictures.reduced, real.pictures.cpu()), about, options)


def evaluate_rows(run: Run, config: Any, data: Places, options: Options) -> pictures.Evaluation:
    """Measure the rows of a run of the stats GAN; nothing is held out: labels are predicted for the data itself."""
    from pgtrain.evaluation import rows
    from pgtrain.systems.stats import generate
    from pgtrain.systems.stats.table import decode, read

    table = read(data, config, None, DEFAULT)
    samples = options.samples or len(table)
    _check_count(samples, len(table))
    described = run.described()
    same = table.identity["digest"] == described["data"]["digest"]
    real = rows.frame(decode(table.stats, table.pairs, table.rarities))
    drawn = rows.frame(generate.generate(generate.load(run.folder), samples, seed=options.seed))
    about = {"system": described["system"], "trained_on_this_data": same, "samples": samples, "real": len(real)}
    return pictures.Evaluation(about | rows.figures(real, real, drawn, taught=drawn), {})


def _measured(
    sampler: Sampler,
    collection: Collection,
    kept: Collection,
    real: Callable[[int], torch.Tensor],
    about: dict[str, Any],
    options: Options,
) -> pictures.Evaluation:
    """Measure pictures, where there are enough; `real` gives those of `collection` of a side."""
    records = [record for record in collection.records if record.image]
    _check_count(options.samples or len(records), len(records))
    trained = {record.name for record in kept.records if record.image}
    held = torch.tensor([record.name not in trained for record in records])
    extract, second = load_features(options.features, options.weights), load_second() if options.second else None
    settings = pictures.Settings(extract, options.samples, options.seed, second)

    evaluation = pictures.measure(sampler, real, records, held, settings)
    return pictures.Evaluation(about | {"features": options.features} | evaluation.figures, evaluation.pictures)


def _check_count(samples: int, real: int) -> None:
    if min(samples, real) < FEWEST:
        raise RequestInvalid(f"{min(samples, real)} are too few to measure; it takes {FEWEST} samples and examples")


def _rounded(results: Any) -> Any:
    if isinstance(results, dict):
        return {name: _rounded(value) for name, value in results.items()}
    return round(results, 5) if isinstance(results, float) else results
