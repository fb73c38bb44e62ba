"""Parity of texts: pictures through encoder and generator, and the stored embeddings of names."""

from collections.abc import Callable

import numpy as np

from pgen.api import Generator
from pgen.backends.base import with_defaults
from pgen.bundle.reader import Bundle
from pgexport.metrics import cosine
from pgexport.parity.checks import check_figure
from pgexport.parity.comparisons import in_pytorch
from pgexport.parity.tolerances import TOLERANCES
from pgexport.storage import storage_of
from pgexport.trial import Trial
from pgtrain.models.text_encoder import Encoder, embed
from pokegan.image_metrics import premultiplied, psnr

Figure = dict[str, float | None]


def check_pictures(
    bundle: Bundle, encoder: Encoder, texts: list[str], trial: Trial, place: Callable[[], str]
) -> Figure:
    """Hold ``text_psnr`` to its limit: texts to pictures, both models of the bundle against both of PyTorch.

    Raises:
        ParityFailed: it is beyond; `place` says where.
    """
    generator = Generator(bundle, device="cpu")
    latent = trial.cases["random"]["latent"][: len(texts)]
    texts = texts[: len(latent)]
    model = bundle.manifest.models[trial.name]
    expected = in_pytorch(
        trial.network, with_defaults(model, {"latent": latent, "text": embed(encoder, texts).numpy()})
    )
    pictures = generator.generate({"latent": latent, "text": generator.encoder.encode(texts)}, model)
    value = psnr(premultiplied(expected[0]) - premultiplied(pictures))
    storages = [storage_of(bundle.manifest.models[name]) for name in ("encoder", trial.name)]
    storage = min(storages, key=lambda each: TOLERANCES[each].text_psnr)  # the looser limit holds for both in sequence
    return check_figure(trial.name, "text_psnr", value, storage, place)


def check_names(bundle: Bundle, encoder: Encoder) -> Figure:
    """Hold ``names_cosine`` to its limit: names as `pgen image Charizard` looks them up, against PyTorch.

    Raises:
        ParityFailed: it is beyond.
    """
    names = bundle.names
    cosines = cosine(Generator(bundle, device="cpu").encoder(names), embed(encoder, names).numpy())
    worst = int(np.argmin(cosines))
    storage = storage_of(bundle.manifest.models["encoder"])
    return check_figure("encoder", "names_cosine", float(cosines[worst]), storage, lambda: f"at {names[worst]!r}")
