"""Evaluation of a run or a bundle: draw samples, measure them, and write the results."""

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
"""One or several data sets, see :func:`pgtrain.data.sources.read`."""

SCHEMA = 3
FEWEST = 8
"""Fewest samples and real examples."""


@dataclass(frozen=True)
class Options:
    """The options of an evaluation.

    Attributes:
        data: as in training; None for the run's own data or, for a bundle, the default data set.
        features: the feature network; `weights` is the file of those of inception, None to download them.
        samples: number of samples; None for as many as real examples.
        seed: the first seed.
        out: folder of the results; None for that of the run.
        model: model of the bundle; None for the first that reads text, or else the first that draws.
        second: whether sets of pictures are also compared in the features of DINOv2.
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
    """Evaluate the run or bundle in the folder `place`.

    Writes metrics.json and, for pictures, samples.png, neighbors.png and (for a text GAN) sheet.png.

    Raises:
        PokeganError: run, bundle, data or feature network cannot be used; nothing is written.
    """
    bundle = (place / MANIFEST).is_file()
    if bundle and options.out is None:
        raise FolderMissing(f"{place}: is a bundle, into which no results are written; name a folder for them")
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
    recorded = trained.get("data", {})
    collection, reading = _selected(default.fetch() if options.data is None else options.data, recorded)
    about = {
        "system": trained.get("system", sampler.model),
        "trained_on_this_data": _is_trained_on(collection, reading, recorded),
        "epochs": trained.get("epoch"),
        "drawn_by": "pgen",
    }
    return _measured(
        sampler, collection, reading, partial(decode_all, collection.images, options=reading), about, options
    )


def _selected(data: Places, recorded: Mapping[str, Any]) -> tuple[Collection, DataOptions]:
    """Read `data` with the options that a run `recorded` of its own data."""
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


def _is_trained_on(collection: Collection, reading: DataOptions, recorded: Mapping[str, Any]) -> bool:
    kept = collection.without(collection.held_out(reading.hold_out))
    return kept.digest(reading.background, reading.resample) == recorded.get("digest")


def evaluate_pictures(run: Run, config: Any, data: Places, options: Options) -> pictures.Evaluation:
    """Measure the pictures of a run."""
    described = run.described()
    collection, reading = _selected(data, described["data"])
    real = decoded(collection, config.size, described["encoder"], reading)
    sampler = RunSampler(run, config, real)
    about = {
        "system": described["system"],
        "trained_on_this_data": _is_trained_on(collection, reading, described["data"]),
        "epochs": sampler.epochs,
        "drawn_by": "pgtrain",
    }
    return _measured(sampler, collection, reading, partial(pictures.reduced, real.pictures.cpu()), about, options)


def evaluate_rows(run: Run, config: Any, data: Places, options: Options) -> pictures.Evaluation:
    """Measure the rows of a run of the stats GAN, without held-out rows: labels are predicted for the training data."""
    from pgtrain.evaluation import rows
    from pgtrain.systems.stats import generate
    from pgtrain.systems.stats.table import decode, read

    table = read(data, config, None, DEFAULT)
    samples = options.samples or len(table)
    _check_count(samples, len(table))
    described = run.described()
    trained_on_this = table.identity["digest"] == described["data"]["digest"]
    real = rows.frame(decode(table.stats, table.pairs, table.rarities))
    drawn = rows.frame(generate.generate(generate.load(run.folder), samples, seed=options.seed))
    about = {
        "system": described["system"],
        "trained_on_this_data": trained_on_this,
        "samples": samples,
        "real": len(real),
    }
    return pictures.Evaluation(about | rows.figures(real, real, drawn, taught=drawn), {})


def _measured(
    sampler: Sampler,
    collection: Collection,
    reading: DataOptions,
    real: Callable[[int], torch.Tensor],
    about: dict[str, Any],
    options: Options,
) -> pictures.Evaluation:
    """Measure pictures, if there are enough; `real` returns those of `collection` at a size in pixels."""
    records = [record for record in collection.records if record.image]
    _check_count(options.samples or len(records), len(records))
    kept = collection.without(collection.held_out(reading.hold_out))
    trained = {record.name for record in kept.records if record.image}
    held = torch.tensor([record.name not in trained for record in records])
    extract, second = load_features(options.features, options.weights), load_second() if options.second else None
    settings = pictures.Settings(extract, options.samples, options.seed, second)
    evaluation = pictures.measure(sampler, real, records, held, settings)
    return pictures.Evaluation(about | {"features": options.features} | evaluation.figures, evaluation.pictures)


def _check_count(samples: int, real: int) -> None:
    if min(samples, real) < FEWEST:
        raise RequestInvalid(f"{samples} samples and {real} examples: the evaluation needs at least {FEWEST} of each")


def _rounded(results: Any) -> Any:
    if isinstance(results, dict):
        return {name: _rounded(value) for name, value in results.items()}
    return round(results, 5) if isinstance(results, float) else results
