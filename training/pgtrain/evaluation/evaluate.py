"""Evaluate a run: draw with its averaged generator, measure, and write what was found into its folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgtrain import checkpoint
from pgtrain.config import from_dict
from pgtrain.engine import Engine
from pgtrain.errors import RequestInvalid
from pgtrain.evaluation import pictures
from pgtrain.evaluation.features import FeatureName, load_features
from pgtrain.run import EVALUATION, Run
from pgtrain.sources import default
from pgtrain.systems import SYSTEMS

SCHEMA = 1
FEWEST = 8
"""Samples and real examples that figures need."""


@dataclass(frozen=True)
class Question:
    """How to evaluate: `data` as in training; `samples` None for as many as there are real examples."""

    data: str | Path | None = None
    features: FeatureName = "artwork"
    weights: Path | None = None
    samples: int | None = None
    seed: int = 0


def evaluate(run: Run, question: Question) -> dict[str, Any]:
    """Judge `run` and write metrics.json (and samples.png, neighbours.png for pictures) into its folder.

    Raises:
        PokeganError: run, data or feature network cannot be used; nothing is written then.
    """
    described = run.described()
    entry = SYSTEMS[described["system"]]
    config = from_dict(entry.config, described["config"], str(run.folder))
    place = default.fetch() if question.data is None else question.data
    data = entry.load_reader()(place, config, described["encoder"], described["data"].get("background", "keep"))
    samples = question.samples or len(data)
    if min(samples, len(data)) < FEWEST:
        raise RequestInvalid(
            f"{min(samples, len(data))} are too few to measure; it takes {FEWEST} samples and examples"
        )
    same = data.identity["digest"] == described["data"]["digest"]
    about = {"schema": SCHEMA, "system": described["system"], "seed": question.seed, "trained_on_this_data": same}
    if entry.reads_pictures:
        figures, drawn = _pictures(run, config, data, question, samples)
    else:
        figures, drawn = _rows(run, data, samples, question.seed), {}
    found = {name: _rounded(value) for name, value in (about | figures).items()}
    with run.writing():
        for name, picture in drawn.items():
            picture.save(run.folder / name)
        run.write(EVALUATION, json.dumps(found, indent=1) + "\n")
    return found


def _pictures(run: Run, config: Any, data: Any, question: Question, samples: int) -> pictures.Judged:
    """Measure pictures, in the stage that the run had come to."""
    extract = load_features(question.features, question.weights)
    engine = Engine("fp32")
    system = SYSTEMS[run.described()["system"]].load()(config, engine, data.to(engine.device))
    position = checkpoint.restore_networks(run.checkpoint, system)
    system.start_epoch(position.epoch if position.step else max(0, position.epoch - 1))
    judged = pictures.judge(system, data, extract, samples, question.seed)
    about = {"epochs": position.epoch, "features": question.features}
    return pictures.Judged(about | judged.figures, judged.pictures)


def _rows(run: Run, data: Any, samples: int, seed: int) -> dict[str, Any]:
    """Measure rows of the stats GAN; nothing is held out here, so labels are asked of the data's own rows."""
    from pgtrain.evaluation import rows
    from pgtrain.stats import generate
    from pgtrain.stats.table import decode

    real = rows.frame(decode(data.stats, data.pairs, data.rarities))
    drawn = rows.frame(generate.generate(generate.load(run.folder), samples, seed=seed))
    return {"samples": samples, "real": len(real)} | rows.figures(real, real, drawn, taught=drawn)


def _rounded(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _rounded(value) for name, value in found.items()}
    return round(found, 5) if isinstance(found, float) else found
