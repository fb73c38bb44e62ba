"""pgen as a backend, in its own process.

Run as ``python -m pgbench.processes.pgen_worker DEVICE BUNDLE MODEL THREADS``; the protocol is that of
:mod:`pgbench.processes.worker`.
"""

import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from pgbench.processes.rates import rates
from pgbench.processes.worker import Array, Work, serve, texts
from pgen.api import Generator, load
from pgen.backends.base import run, with_defaults
from pgen.backends.cores import cores
from pgen.backends.registry import device_of
from pgen.bundle.reader import Bundle, Model
from pgen.errors import RequestInvalid
from pgen.images.encoders import encode
from pgen.latents import latents
from pokegan.cli import exit_with
from pokegan.errors import PokeganError

FACTS = {"prompt": "a red dragon 0", "seed": "0", "bundle": "0" * 64, "Software": "pokegan"}
"""Text chunks of the size that pgen writes into a PNG."""

ARITHMETICS = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}
"""Types by the precision that a session appends to its provider, such as "OpenVINO bf16"."""


def arithmetic(model: Model, runs_on: str = "") -> str:
    """Return the type of a model's matrix products: the provider's precision, or else that of the manifest."""
    _, _, precision = runs_on.partition(" ")
    return ARITHMETICS[precision] if precision else model.precision.split()[0].rstrip(";")


def find(bundle: Bundle, name: str | None) -> Model:
    """Find a model by its name in the bundle; None for the text-to-image model.

    Raises:
        BundleNotFound, RequestInvalid: there is no such model, or it generates nothing by itself.
    """
    if not name:
        return bundle.model("text-to-image")
    models = {key: model for key, model in bundle.manifest.models.items() if model.kind != "encoder"}
    if name not in models:
        raise RequestInvalid(f"model {name}: {bundle.folder} holds {', '.join(models) or 'no generator'}")
    return models[name]


def default_inputs(model: Model, batch: int) -> dict[str, Array]:
    """Make the inputs of `batch` seeds: latents, and zeros, the default of all other inputs."""
    return with_defaults(model, {"latent": latents(range(batch), model.settings["latent_dim"])})


class Runtime:
    """A model of a bundle on one device; see :class:`pgbench.processes.worker.Subject`."""

    def __init__(self, generator: Generator, name: str | None) -> None:
        self.generator, self.model = generator, find(generator.bundle, name)
        self.session = generator.session(self.model)
        self.pool = ThreadPoolExecutor(generator.threads or cores())
        self.outputs = [tensor.name for tensor in self.model.outputs][:1]

    def facts(self) -> dict[str, Any]:
        """Describe the providers, the arithmetic, the model and the bundle."""
        providers = self.session.get_providers()
        return {
            "runs_on": providers,
            "where": "cuda" if device_of(providers).on_gpu else "cpu",
            "arithmetic": arithmetic(self.model, providers[0]),
            "encoder_arithmetic": arithmetic(self.generator.bundle.model("encoder")) if self.model.reads_text else None,
            "model": self.model.file,
            "bundle": self.generator.bundle.digest,
        }

    def inputs(self, batch: int) -> dict[str, Array]:
        """Make the model's inputs; embeddings are computed, never looked up."""
        text = {"text": self.generator.encoder.encode(texts(batch))} if self.model.reads_text else {}
        return default_inputs(self.model, batch) | text

    def draw(self, inputs: dict[str, Array]) -> Array:
        """Run the model; its first output."""
        drawn: Array = run(self.session, self.outputs, inputs)[0]
        return drawn

    def parts(self, batch: int) -> dict[str, Work]:
        """List the parts that can be timed; "post-processing" is the part of it that is not in the graph."""
        inputs, prompts = self.inputs(batch), texts(batch)
        drawn = self.draw(inputs)
        named: dict[str, Work] = {}
        if self.model.reads_text:
            named["encoder"] = lambda: self.generator.encoder.encode(prompts)
        named["generator"] = lambda: self.draw(inputs)
        if drawn.ndim == 4:
            images = to_images(drawn)
            named["post-processing"] = lambda: to_images(drawn)
            named["PNG"] = lambda: to_pngs(images, self.pool)
            named["end to end"] = lambda: to_pngs(to_images(self.draw(self.inputs(batch))), self.pool)
        else:
            named["end to end"] = lambda: self.draw(self.inputs(batch))
        return named

    def rates(self, seconds: float) -> dict[str, float]:
        """Measure the machine with ONNX Runtime, and with OpenVINO where it is installed."""
        return rates(self.generator.threads, seconds)


def to_images(pixels: Array) -> list[Image.Image]:
    """Convert pictures, uint8 (N, S, S, 4), to Pillow's images."""
    return [Image.fromarray(picture) for picture in pixels]


def to_pngs(images: list[Image.Image], pool: Executor | None = None) -> list[bytes]:
    """Encode pictures as pgen does, several at once in the threads of `pool`."""
    several = pool.map if pool and len(images) > 1 else map
    return list(several(lambda image: encode(image, "png", FACTS), images))


def main() -> None:
    """Serve the model that the arguments name; errors are one line on standard error."""
    device, bundle, model, threads = sys.argv[1:]
    try:
        serve(lambda: Runtime(load(Path(bundle), device, int(threads)), model or None))
    except PokeganError as error:
        exit_with(error)


if __name__ == "__main__":
    main()
