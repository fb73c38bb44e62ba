"""The picture model: pictures from requests, in batches, by the networks of one bundle on one device."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from threading import RLock
from time import perf_counter
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from pgen.backends.base import Session, run, with_defaults
from pgen.backends.devices import check_device, open_model
from pgen.backends.registry import describe_session
from pgen.bundle.reader import EMBEDDED, Bundle, Model, open_bundle
from pgen.errors import ModelDoesNotMix, PromptNotRead, RequestInvalid
from pgen.latents import latents
from pgen.prompts import check_prompt
from pgen.request import Request, check_batch, check_threads

if TYPE_CHECKING:
    from pgen.text_encoder import TextEncoder

DEFAULT_BATCH = 16

Inputs = dict[str, NDArray[np.float32]]
"""Inputs of a generator network by name, N rows each."""


@dataclass(frozen=True)
class Picture:
    """One generated picture.

    Attributes:
        request: what it was generated from.
        pixels: uint8 (S, S, 4), straight RGBA.
        milliseconds: its share of the time of its batch.
        backend: what drew it, see :func:`pgen.backends.registry.describe_session`.
    """

    request: Request
    pixels: NDArray[np.uint8]
    milliseconds: float = 0.0
    backend: str = ""


class PictureModel:
    """The networks of one bundle on one device. Sessions open on first use; threads may share one instance."""

    def __init__(self, bundle: Bundle, device: str = "auto", threads: int = 0) -> None:
        self.bundle, self.device, self.threads = bundle, check_device(device), check_threads(threads)
        self._lock = RLock()
        self._sessions: dict[str, Session] = {}
        self._encoder: TextEncoder | None = None

    @classmethod
    def open(cls, folder: str | Path = EMBEDDED, device: str = "auto", threads: int = 0) -> Self:
        """Open the bundle in `folder`; errors as in :func:`pgen.load`."""
        return cls(open_bundle(folder), device, threads)

    @property
    def encoder(self) -> "TextEncoder":
        """The text encoder, which models that read no text never load."""
        with self._lock:
            if self._encoder is None:
                from pgen.text_encoder import TextEncoder

                self._encoder = TextEncoder(self.bundle, self.device, self.threads)
            return self._encoder

    @cached_property
    def model(self) -> Model:
        """The text-to-image model.

        Raises:
            BundleNotFound: the bundle has none.
        """
        return self.bundle.model("text-to-image")

    def stream(self, requests: Iterable[Request], batch: int = DEFAULT_BATCH) -> Iterator[Picture]:
        """Generate a picture for each request, in order, `batch` at a time; memory use is constant.

        A picture depends only on its own request, not on the other requests of its batch.
        """
        check_batch(batch)
        for (name, _), group in groupby(requests, lambda request: (request.model, request.stage)):
            backend = self.backend(self.find(name))  # opened before the clock starts
            while chunk := list(islice(group, batch)):
                began = perf_counter()
                pixels = self.draw_batch(chunk)
                milliseconds = 1e3 * (perf_counter() - began) / len(chunk)
                for request, picture in zip(chunk, pixels, strict=True):
                    yield Picture(request, picture, milliseconds, backend)

    def draw_batch(self, requests: Sequence[Request]) -> NDArray[np.uint8]:
        """Generate pictures of one model and stage at once, uint8 (N, S, S, 4)."""
        return self.generate(self.inputs(requests), self.find(requests[0].model), requests[0].stage)

    def inputs(self, requests: Sequence[Request]) -> Inputs:
        """Compute the inputs of :meth:`generate` for requests to one model; errors as :meth:`check`."""
        self.check(requests)
        model = self.find(requests[0].model)
        if any(request.shiny for request in requests):
            from pgen.images.shiny import with_shiny_colors  # few pictures are shiny

            stage = 1 if len(model.outputs) > 1 else None
            requests = with_shiny_colors(requests, self.bundle.names, self.draw_batch, stage)
        truncation = np.array([[request.truncation] for request in requests], np.float32)
        inputs = {"latent": truncation * self.draw([request.seed for request in requests], model)}
        if any(request.fused for request in requests):
            return inputs | self._fused(requests, inputs["latent"])
        if model.reads_text:
            inputs["text"] = self.embed([request.prompt for request in requests])
        if any(request.colors for request in requests):
            inputs["color_text"] = self.embed([request.colors or request.prompt for request in requests])
        return inputs

    def _fused(self, requests: Sequence[Request], latent: NDArray[np.float32]) -> Inputs:
        """Compute what a model that mixes takes beside `latent`, float32 (N, L), where some requests are fusions."""
        from pgen.images.fusion import plan_fusion  # few pictures are fusions

        plans = [plan_fusion(request) for request in requests]
        colors = self.embed([plan.colors for plan in plans])
        return {
            "text": self.embed([plan.first for plan in plans]),
            "color_text": colors,
            "second_latent": latent,
            "second_color_text": colors,
            "second_text": self.embed([plan.second for plan in plans]),
            "share": np.stack([plan.share for plan in plans]),
        }

    def check(self, requests: Iterable[Request]) -> None:
        """Check that the models take what the requests give them.

        Raises:
            RequestInvalid: a prompt is for a model that reads no text, colors or a fusion are for one that does not
                mix, or a shiny is for a bundle without names.
        """
        for request in requests:
            model = self.find(request.model)
            if request.prompt and not model.reads_text:
                raise PromptNotRead(f"model {request.model} reads no text; leave the prompt empty")
            if (request.colors or request.fused or request.shiny) and not model.mixes:
                raise ModelDoesNotMix(
                    f"{model.file} takes no colors apart from the prompt, and no second prompt; "
                    "leave out colors, shiny and further parents"
                )
            if request.shiny and not self.bundle.names:
                raise RequestInvalid(f"{self.bundle.folder} stores no names, whose colors a shiny could have")

    def embed(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Embed prompts, float32 (N, D); equal prompts are encoded once."""
        distinct = {prompt: row for row, prompt in enumerate(dict.fromkeys(prompts))}
        embeddings = self.encoder([check_prompt(prompt) for prompt in distinct])
        return embeddings[[distinct[prompt] for prompt in prompts]]

    def draw(self, seeds: Sequence[int], model: Model | None = None) -> NDArray[np.float32]:
        """Draw the latents of `seeds`, float32 (N, L)."""
        return latents(seeds, (model or self.model).settings["latent_dim"])

    def generate(
        self,
        inputs: Mapping[str, NDArray[np.float32]],
        model: Model | None = None,
        stage: int | None = None,
    ) -> NDArray[np.uint8]:
        """Run a generator network once.

        Args:
            inputs: `latent`, float32 (N, L), `text`, embeddings float32 (N, D) for a model that reads text, and any of
                the model's further inputs; those that are missing are zeros, their default.
            model: a model of the bundle; None for the text-to-image model.
            stage: as in :class:`pgen.Request`.

        Returns:
            Pictures, uint8 (N, S, S, 4), straight RGBA.

        Raises:
            RequestInvalid: the model has no such stage.
        """
        model = model or self.model
        (pixels,) = run(self.session(model), [_output(model, stage)], with_defaults(model, inputs))
        return pixels  # type: ignore[no-any-return]

    def find(self, name: str | None = None) -> Model:
        """Find an image model by its name in the bundle; None for the text-to-image model.

        Raises:
            BundleNotFound: the bundle has no text-to-image model.
            RequestInvalid: the bundle has no image model of that name.
        """
        if name is None:
            return self.model
        models = {key: model for key, model in self.bundle.manifest.models.items() if model.draws_pictures}
        if name not in models:
            raise RequestInvalid(f"model {name}: unknown; {self.bundle.folder} has {', '.join(models) or 'none'}")
        return models[name]

    def size(self, model: Model, stage: int | None = None) -> int:
        """Side of a model's pictures, in pixels."""
        name = _output(model, stage)
        return next(int(tensor.shape[1]) for tensor in model.outputs if tensor.name == name)

    def providers(self) -> list[str]:
        """List the providers that the text-to-image model really runs on, best first."""
        return list(self.session(self.model).get_providers())

    def backend(self, model: Model) -> str:
        """Name what a model runs on; see :func:`pgen.backends.registry.describe_session`."""
        return describe_session(self.session(model))

    def session(self, model: Model) -> Session:
        """Open a model once; threads that call this at the same time get the same session."""
        with self._lock:
            if model.file not in self._sessions:
                self._sessions[model.file] = open_model(self.bundle, model, self.device, self.threads)
            return self._sessions[model.file]


def _output(model: Model, stage: int | None) -> str:
    stages = [tensor.name for tensor in model.outputs]
    if stage is None or (stage == 2 and "stage1" in stages):
        return "pictures"
    if stage == 1 and "stage1" in stages:
        return "stage1"
    raise RequestInvalid(f"stage {stage}: {model.file} has a single stage; leave the stage out")
