"""Requests that leave the choice of what to draw to their seeds."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pgen.bundle.reader import Bundle
from pgen.errors import RequestInvalid
from pgen.latents import pick
from pgen.request import Request, pattern


def random_requests(bundle: Bundle, seeds: Iterable[int], like: Request | None = None) -> Iterator[Request]:
    """Ask for a picture a seed. For a model that reads text, each seed also picks one of the bundle's known names.

    Args:
        bundle: which holds the model.
        seeds: one a picture.
        like: its model, truncation and stage; without a model, the first that reads no text, else the one that does.

    Raises:
        RequestInvalid: the model reads text and the bundle stores no names, or there is no such model.
        BundleNotFound: no model draws pictures.
    """
    like = like or pattern()
    name = like.model or _usual(bundle)
    model = bundle.manifest.models.get(name)
    if model is None or not model.reads_text:
        yield from (replace(like, model=name, seed=seed) for seed in seeds)
        return
    if not bundle.names:
        raise RequestInvalid(f"model {name}: reads text, and {bundle.folder} stores no names; use pgen image PROMPT")
    for seed in seeds:
        yield replace(like, prompt=bundle.names[pick(seed, len(bundle.names))], seed=seed)


def _usual(bundle: Bundle) -> str:
    kinds = {model.kind for model in bundle.manifest.models.values()}
    return bundle.name("latent-to-image" if "latent-to-image" in kinds else "text-to-image")
