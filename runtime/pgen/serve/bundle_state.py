"""The bundle that is served: opened and warm before anybody draws with it, and replaced while others still draw."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from time import perf_counter

from pgen.api import Generator, load
from pgen.backends.devices import describe_device
from pgen.bundle.reader import MANIFEST, Model
from pgen.dex.entry import EntryGenerator
from pgen.request import Request, request_template
from pgen.serve.config import Settings
from pgen.serve.errors import Refusal
from pgen.stats.draw import stream
from pokegan.errors import PokeganError

log = logging.getLogger("pgen.serve")

UNKNOWN = "a text that no bundle stores"
"""What warms the encoder."""

COUNT = 2
"""Pictures that warm a model: OpenVINO compiles one network for a single one, and another for several."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """One bundle, whose files have all been read: what then happens to its folder matters no more."""

    generator: Generator
    device: str
    created: int
    maker: EntryGenerator = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what makes whole Pokémon."""
        object.__setattr__(self, "maker", EntryGenerator(self.generator))

    @cached_property
    def models(self) -> dict[str, Model]:
        """The models that draw pictures, by name."""
        found = self.generator.bundle.manifest.models
        return {name: model for name, model in found.items() if model.kind.endswith("-to-image")}

    @cached_property
    def default(self) -> str | None:
        """Name of the model that draws from text; None where there is none."""
        return next((name for name, model in self.models.items() if model.kind == "text-to-image"), None)

    def like(self, name: str | None) -> Request:
        """Make the pattern of requests to the model `name`; None, and its own name, stand for the default.

        Raises:
            Refusal: there is none of that name.
        """
        if name is None and self.default is not None:
            return request_template()
        if name is None or name not in self.models:
            listed = ", ".join(self.models) or "none"
            raise Refusal(404, f"there is no such model; this server has: {listed}", "model", "model_not_found")
        return request_template(None if name == self.default else name)

    def check_dex(self) -> None:
        """Check that there are numbers, and pictures from text.

        Raises:
            Refusal: there are not.
        """
        self.check_stats()
        self.like(None)

    def check_stats(self) -> None:
        """Check that there are numbers.

        Raises:
            Refusal: there are not.
        """
        if not any(model.kind == "stats" for model in self.generator.bundle.manifest.models.values()):
            raise Refusal(404, "this server's bundle has no model of stats", code="model_not_found")


def open_loaded(settings: Settings) -> Loaded:
    """Open and warm the bundle that `settings` name.

    Raises:
        PokeganError: it cannot be used; the message says why.
    """
    generator = load(settings.bundle, settings.device, settings.threads)
    created = int((generator.bundle.folder / MANIFEST).stat().st_mtime)
    loaded = Loaded(generator, describe_device(settings.device), created)
    _warm(loaded)
    return loaded


def _warm(loaded: Loaded) -> None:
    generator = loaded.generator
    for name, model in loaded.models.items():
        prompts = [UNKNOWN, *generator.bundle.names][:COUNT] if model.reads_text else [""] * COUNT
        generator.draw_batch([Request(prompt, 0, name) for prompt in prompts])
    if any(model.kind == "stats" for model in generator.bundle.manifest.models.values()):
        list(stream(generator, 1))
    _ = loaded.maker.known


class Bundles:
    """Which bundle draws what comes next."""

    def __init__(self, settings: Settings, counted: Callable[[bool], None] = lambda good: None) -> None:
        self.settings, self.counted = settings, counted
        self.current: Loaded | None = None
        self._again = asyncio.Event()

    def now(self) -> Loaded:
        """The one that is served.

        Raises:
            Refusal: there is none yet.
        """
        if self.current is None:
            raise Refusal(503, "the server is still starting; ask again in a moment", headers={"Retry-After": "1"})
        return self.current

    async def load(self) -> None:
        """Load the bundle for the first time.

        Raises:
            PokeganError: it cannot be used.
        """
        self.current = await self._opened()

    async def _opened(self) -> Loaded:
        began = perf_counter()
        loaded = await asyncio.to_thread(partial(open_loaded, self.settings))
        digest = loaded.generator.bundle.digest[:12]
        log.info("serving bundle %s on %s, warm after %.1f s", digest, loaded.device, perf_counter() - began)
        return loaded

    def reload(self) -> None:
        """Ask for the bundle to be loaded again; what is asked while it loads is done after."""
        self._again.set()

    async def reloading(self) -> None:
        """Load the bundle again whenever that is asked for; one that cannot be used is told of, and not taken."""
        while True:
            await self._again.wait()
            self._again.clear()
            try:
                self.current = await self._opened()
            except Exception as error:
                reason = error.message if isinstance(error, PokeganError) else repr(error)[:200]
                log.error("the new bundle is refused, and the old one goes on: %s", reason)
                self.counted(False)
            else:
                self.counted(True)
