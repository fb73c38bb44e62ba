"""The served bundle: warmed up before use, and reloaded without interrupting requests."""

import asyncio
import logging
import re
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

from pgen.api import Generator, load
from pgen.backends.devices import describe_device
from pgen.bundle.reader import MANIFEST, Model
from pgen.dex.entry import EntryGenerator
from pgen.prompts import check_prompt
from pgen.request import Request, request_template
from pgen.serve.config import Settings
from pgen.serve.errors import APIError
from pgen.serve.metrics import Metrics
from pgen.stats.draw import stream
from pokegan import __version__
from pokegan.errors import PokeganError

log = logging.getLogger("pgen.serve")

UNKNOWN_PROMPT = "a text that no bundle stores"
"""Warms up the text encoder."""

OPENAI_MODEL = re.compile(r"(gpt|dall-e|chatgpt)-", re.ASCII)

WARMUP_BATCH = 2
"""Images that warm up a model: OpenVINO compiles one network for a single image and another for larger batches."""


@dataclass(frozen=True, eq=False)
class LoadedBundle:
    """A bundle whose files have all been read, so that later changes of its folder have no effect."""

    generator: Generator
    device: str
    created: int

    @cached_property
    def entry_generator(self) -> EntryGenerator:
        """Generates dex entries."""
        return EntryGenerator(self.generator)

    @cached_property
    def models(self) -> dict[str, Model]:
        """The models that generate images, by name."""
        models = self.generator.bundle.manifest.models
        return {name: model for name, model in models.items() if model.draws_pictures}

    @cached_property
    def default_model(self) -> str | None:
        """Name of the text-to-image model; None if there is none."""
        return next((name for name, model in self.models.items() if model.kind == "text-to-image"), None)

    def find(self, name: str) -> str | None:
        """Return the name of the model that `name` stands for; None if there is none.

        Names of OpenAI's models, which its clients send unasked, stand for the default model.
        """
        return name if name in self.models else self.default_model if OPENAI_MODEL.match(name) else None

    def request_template(self, name: str | None, colors: str = "", shiny: bool = False) -> Request:
        """Return the request pattern of the model `name`; None and the default model's name give the same one.

        Raises:
            APIError: 404, no model has that name.
        """
        known = self.default_model if name is None else self.find(name)
        if known is None:
            choices = ", ".join(self.models) or "none"
            raise APIError(404, f"unknown model; this server has: {choices}", "model", "model_not_found")
        model = None if known == self.default_model else known
        return request_template(model, colors=check_prompt(colors) if colors else "", shiny=shiny)


def load_bundle(settings: Settings) -> LoadedBundle:
    """Open and warm up the bundle of `settings`.

    Raises:
        PokeganError: it cannot be used; the message says why.
    """
    generator = load(settings.bundle, settings.device, settings.threads)
    created = int((generator.bundle.folder / MANIFEST).stat().st_mtime)
    bundle = LoadedBundle(generator, describe_device(settings.device), created)
    _warm_up(bundle)
    return bundle


def _warm_up(bundle: LoadedBundle) -> None:
    generator = bundle.generator
    for name, model in bundle.models.items():
        prompts = [UNKNOWN_PROMPT, *generator.bundle.names][:WARMUP_BATCH] if model.reads_text else [""] * WARMUP_BATCH
        generator.draw_batch([Request(prompt, 0, name) for prompt in prompts])
    if any(model.kind == "stats" for model in generator.bundle.manifest.models.values()):
        list(stream(generator, 1))
    _ = bundle.entry_generator.known


class BundleState:
    """The bundle that new requests use; `metrics` count how often it was loaded."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._bundle: LoadedBundle | None = None
        self._reload_requested = asyncio.Event()

    @property
    def loaded(self) -> bool:
        """Whether a bundle is warm."""
        return self._bundle is not None

    def current(self) -> LoadedBundle:
        """Return the bundle.

        Raises:
            APIError: 503, none is loaded yet.
        """
        if self._bundle is None:
            raise APIError(503, "the server is starting; retry in a moment", headers={"Retry-After": "1"})
        return self._bundle

    async def load(self) -> None:
        """Load the bundle; a previous one stays if that fails.

        Raises:
            PokeganError: it cannot be used.
        """
        start = perf_counter()
        bundle = await asyncio.to_thread(load_bundle, self._settings)
        digest = bundle.generator.bundle.digest
        log.info("serving bundle %s on %s, loaded in %.1f s", digest[:12], bundle.device, perf_counter() - start)
        self._bundle = bundle
        self._metrics.reloads.labels("good").inc()
        self._metrics.bundle.info({"digest": digest, "version": __version__, "device": bundle.device})

    def request_reload(self) -> None:
        """Request a reload; one that is requested during a reload runs after it."""
        self._reload_requested.set()

    async def run_reloads(self) -> None:
        """Reload the bundle on every request; if that fails, log the reason and keep the previous bundle."""
        while True:
            await self._reload_requested.wait()
            self._reload_requested.clear()
            try:
                await self.load()
            except Exception as error:
                reason = str(error) if isinstance(error, PokeganError) else repr(error)[:200]
                log.error("reload failed, still serving the previous bundle: %s", reason)
                self._metrics.reloads.labels("refused").inc()
