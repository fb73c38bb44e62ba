"""Requests whose prompts are picked by their seeds."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pgen.bundle.reader import Bundle
from pgen.errors import RequestInvalid
from pgen.latents import pick
from pgen.request import Request, request_template


def random_requests(bundle: Bundle, seeds: Iterable[int], template: Request | None = None) -> Iterator[Request]:
    """Request one picture per seed. For a model that reads text, each seed also picks one of the bundle's known names.

    Args:
        bundle: holds the model.
        seeds: one per picture.
        template: all but prompt and seed; without a model, the first that reads no text, else the text-to-image
            model.

    Raises:
        RequestInvalid: the model reads text and the bundle stores no names, or the model is unknown.
        BundleNotFound: the bundle has no image model.
    """
    template = template or request_template()
    name = template.model or _default_model(bundle)
    model = bundle.manifest.models.get(name)
    if model is None or not model.reads_text:
        yield from (replace(template, model=name, seed=seed) for seed in seeds)
        return
    if not bundle.names:
        raise RequestInvalid(f"model {name} reads text, and {bundle.folder} stores no names; give a prompt instead")
    for seed in seeds:
        yield replace(template, prompt=bundle.names[pick(seed, len(bundle.names))], seed=seed)


def _default_model(bundle: Bundle) -> str:
    kinds = {model.kind for model in bundle.manifest.models.values()}
    return bundle.name("latent-to-image" if "latent-to-image" in kinds else "text-to-image")
