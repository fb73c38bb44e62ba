"""Parity of the models of a run, as a bundle holds them, alone and in sequence."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from pgen.api import Generator
from pgen.backends.base import run as run_session
from pgen.backends.base import with_defaults
from pgen.backends.onnxruntime import open_session
from pgen.bundle.reader import Bundle, Model
from pgexport.errors import ParityFailed
from pgexport.metrics import cosine
from pgexport.parity.checks import check, check_figure
from pgexport.parity.comparisons import in_pytorch
from pgexport.parity.divergence import locate_divergence, locate_in_sequence
from pgexport.parity.tolerances import TOLERANCES
from pgexport.precision.bf16_emulation import checkable
from pgexport.storage import Stored, one_by_one
from pgexport.tracing.run_loader import LoadedRun
from pgexport.tracing.specs import ModelSpec, sample_texts
from pgexport.trial import Runner
from pgtrain.models.text_encoder import Encoder, embed
from pokegan.image_metrics import premultiplied, psnr

Models = Sequence[tuple[ModelSpec, Stored]]
"""Models in the order in which they run: an encoder comes before the generator."""

Figure = dict[str, float | None]


def check_run(bundle: Bundle, run: LoadedRun, encoder: Encoder | None, models: Models, seed: int) -> dict[str, Any]:
    """Hold the models of a run to their limits: each alone, and encoder and generator in sequence.

    Args:
        bundle: holds the models, and the embeddings of names if it stores any.
        run: the run that the models were exported from.
        encoder: the run's, if it reads text.
        models: the run's models, as PyTorch has them and as the bundle stores them.
        seed: of the inputs.

    Returns:
        What the manifest says of parity, by model.

    Raises:
        ParityFailed: a figure is beyond its limit, or the outputs of a row depend on its batch.
    """
    bundle = checkable(bundle)
    parity: dict[str, Any] = {}
    try:
        for spec, stored in models:
            model = runner(bundle, bundle.manifest.models[spec.name])
            locate = partial(locate_divergence, spec, stored)
            parity[spec.name] = check(spec.trial(seed), model, stored.storage, locate)
        if encoder:
            text_psnr = _check_pictures(bundle, encoder, sample_texts(run), models, seed)
            parity[run.system]["figures"]["text_psnr"] = text_psnr
            if bundle.names:
                parity["encoder"]["figures"]["names_cosine"] = _check_names(bundle, encoder, models[0][1].storage)
    except ParityFailed as error:
        raise ParityFailed(f"{error.message} (seed {seed})") from error
    return parity


def runner(bundle: Bundle, model: Model) -> Runner:
    """Run one model of a bundle on the CPU, as the runtime does."""
    session = open_session(bundle.graph(model), model.file, "cpu")
    outputs = [output.name for output in model.outputs]
    if not model.settings.get("alone"):
        return lambda feeds: run_session(session, outputs, feeds)
    return lambda feeds: [
        np.concatenate(rows)
        for rows in zip(*(run_session(session, outputs, text) for text in one_by_one(feeds)), strict=True)
    ]


def _check_pictures(bundle: Bundle, encoder: Encoder, texts: list[str], models: Models, seed: int) -> Figure:
    """Hold ``text_psnr`` to its limit: texts to pictures, both models of the bundle against both of PyTorch."""
    generator, trial = Generator(bundle, device="cpu"), models[-1][0].trial(seed)
    latent = trial.cases["random"]["latent"][: len(texts)]
    texts = texts[: len(latent)]
    model = bundle.manifest.models[trial.name]
    feeds = with_defaults(model, {"latent": latent, "text": embed(encoder, texts).numpy()})
    expected = in_pytorch(trial.network, feeds)
    pictures = generator.generate({"latent": latent, "text": generator.encoder.encode(texts)}, model)
    value = psnr(premultiplied(expected[0]) - premultiplied(pictures))
    storages = [stored.storage for _, stored in models]
    loosest = min(storages, key=lambda storage: TOLERANCES[storage].text_psnr)  # its limit holds for the sequence
    return check_figure(trial.name, "text_psnr", value, loosest, partial(locate_in_sequence, models, seed))


def _check_names(bundle: Bundle, encoder: Encoder, storage: str) -> Figure:
    """Hold ``names_cosine`` to its limit: names as `pgen image Charizard` looks them up, against PyTorch."""
    names = bundle.names
    cosines = cosine(Generator(bundle, device="cpu").encoder(names), embed(encoder, names).numpy())
    worst = int(np.argmin(cosines))
    return check_figure("encoder", "names_cosine", float(cosines[worst]), storage, lambda: f"at {names[worst]!r}")
