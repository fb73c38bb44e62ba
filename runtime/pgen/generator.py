"""Pictures from prompts and seeds, in batches."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from pgen.bundle import EMBEDDED, Bundle, Model, open_bundle
from pgen.errors import RequestInvalid
from pgen.latents import latents
from pgen.session import Session, open_model, run
from pgen.text import TextEncoder, check_prompt

DEFAULT_BATCH = 16

MAX_TRUNCATION = 2.0
"""Latents twice as long as usual; further out no generator was ever trained."""


@dataclass(frozen=True)
class Request:
    """What makes one picture: everything beside the bundle that its pixels depend on.

    Attributes:
        prompt: a name or a sentence; empty for a `model` that reads no text.
        seed: of the latent, 0 to 2**64 - 1.
        model: name of the model in the bundle; None for the one that draws from text.
        truncation: factor on the latent, 0 to MAX_TRUNCATION; below 1 pictures are more alike and more usual.
        stage: 1 for the 64x64 picture of stage I, where the model keeps one; None for the last stage.
    """

    prompt: str
    seed: int
    model: str | None = None
    truncation: float = 1.0
    stage: int | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without a bundle."""
        if not 0 <= self.seed < 2**64:
            raise RequestInvalid(f"seed {self.seed}: seeds run from 0 to {2**64 - 1}")
        if not 0 <= self.truncation <= MAX_TRUNCATION:
            raise RequestInvalid(f"truncation {self.truncation:g}: give a number from 0 to {MAX_TRUNCATION:g}")
        if self.stage not in (None, 1, 2):
            raise RequestInvalid(f"stage {self.stage}: there are the stages 1 and 2")


@dataclass(frozen=True)
class Picture:
    """One generated picture: `pixels` uint8 (S, S, 4), straight RGBA, made from `request`."""

    request: Request
    pixels: NDArray[np.uint8]


class Generator:
    """All that one bundle draws, on one device. Sessions open on first use; threads may share one generator."""

    def __init__(self, bundle: Bundle, device: str = "auto", threads: int = 0) -> None:
        self.bundle, self.device, self.threads = bundle, device, threads
        self.encoder = TextEncoder(bundle, device, threads)
        self._lock = RLock()
        self._sessions: dict[str, Session] = {}

    @cached_property
    def model(self) -> Model:
        """The model that draws from text.

        Raises:
            BundleNotFound: the bundle has none.
        """
        return self.bundle.model("text-to-image")

    def images(
        self, prompts: Sequence[str], n: int = 1, seed: int = 0, batch: int = DEFAULT_BATCH
    ) -> NDArray[np.uint8]:
        """Generate `n` pictures a prompt, uint8 (len(prompts) * n, S, S, 4), seeds counting up from `seed`.

        Raises:
            PromptInvalid, BundleNotFound, BundleInvalid, DeviceUnavailable: nothing was generated.
        """
        return np.stack([picture.pixels for picture in self.stream(requests(prompts, range(seed, seed + n)), batch)])

    def stream(self, wanted: Iterable[Request], batch: int = DEFAULT_BATCH) -> Iterator[Picture]:
        """Generate a picture for each request, in order, `batch` at a time; memory stays flat.

        A picture depends on its own request alone, not on the batch it is made in.
        """
        for _, alike in groupby(wanted, lambda request: (request.model, request.stage)):
            while chunk := list(islice(alike, batch)):
                yield from map(Picture, chunk, self.draw_batch(chunk))

    def draw_batch(self, wanted: Sequence[Request]) -> NDArray[np.uint8]:
        """Generate pictures of one model and stage at once, uint8 (N, S, S, 4)."""
        model, stage = self.find(wanted[0].model), wanted[0].stage
        truncation = np.array([[request.truncation] for request in wanted], np.float32)
        latent = truncation * self.draw([request.seed for request in wanted], model)
        text = self.embed([request.prompt for request in wanted]) if model.reads_text else None
        return self.generate(latent, text, model, stage)

    def embed(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Embed prompts, float32 (N, D); each different prompt is encoded once."""
        distinct = {prompt: row for row, prompt in enumerate(dict.fromkeys(prompts))}
        embeddings = self.encoder([check_prompt(prompt) for prompt in distinct])
        return embeddings[[distinct[prompt] for prompt in prompts]]

    def draw(self, seeds: Sequence[int], model: Model | None = None) -> NDArray[np.float32]:
        """Draw the latents of `seeds`, float32 (N, L)."""
        return latents(seeds, (model or self.model).settings["latent_dim"])

    def generate(
        self,
        latent: NDArray[np.float32],
        text: NDArray[np.float32] | None = None,
        model: Model | None = None,
        stage: int | None = None,
    ) -> NDArray[np.uint8]:
        """Run a generator once.

        Args:
            latent: float32 (N, L).
            text: embeddings, float32 (N, D); None for a model that reads no text.
            model: of the bundle; None for the one that draws from text.
            stage: as in :class:`Request`.

        Returns:
            Pictures, uint8 (N, S, S, 4), straight RGBA.

        Raises:
            RequestInvalid: the model has no such stage.
        """
        model = model or self.model
        feeds = {"latent": latent} | ({} if text is None else {"text": text})
        (pixels,) = run(self.session(model), [_output(model, stage)], feeds)
        return pixels  # type: ignore[no-any-return]

    def find(self, name: str | None = None) -> Model:
        """Find a model that draws pictures, by its name in the bundle; None for the one that draws from text.

        Raises:
            BundleNotFound: the bundle has none.
            RequestInvalid: it has, but none of that name that draws pictures.
        """
        if name is None:
            return self.model
        drawing = {key: model for key, model in self.bundle.manifest.models.items() if model.kind.endswith("-to-image")}
        if name not in drawing:
            raise RequestInvalid(f"model {name}: {self.bundle.folder} draws with {', '.join(drawing) or 'nothing'}")
        return drawing[name]

    def size(self, model: Model | None = None, stage: int | None = None) -> int:
        """Pixels a side of the pictures that a generator draws."""
        model = model or self.model
        name = _output(model, stage)
        return next(int(tensor.shape[1]) for tensor in model.outputs if tensor.name == name)

    def providers(self) -> list[str]:
        """List the providers that the generator really runs on, best first."""
        return list(self.session(self.model).get_providers())

    def session(self, model: Model) -> Session:
        """Open a model, once; threads that ask at the same time get the same session."""
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
    raise RequestInvalid(f"stage {stage}: {model.file} has one stage alone; leave --stage out")


def requests(prompts: Iterable[str], seeds: Sequence[int], like: Request | None = None) -> Iterator[Request]:
    """Ask for every prompt with every seed, prompt by prompt; model, truncation and stage are those of `like`."""
    pattern = like or Request("", 0)
    return (replace(pattern, prompt=prompt, seed=seed) for prompt in prompts for seed in seeds)


def load(folder: Path = EMBEDDED, device: str = "auto", threads: int = 0) -> Generator:
    """Open a bundle (default: the embedded one) for text to picture.

    Raises:
        BundleNotFound, BundleInvalid: the bundle is missing, damaged or of a newer format.
    """
    return Generator(open_bundle(Path(folder)), device, threads)
