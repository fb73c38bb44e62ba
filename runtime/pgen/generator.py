"""Pictures from prompts and seeds, in batches."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgen.bundle import EMBEDDED, Bundle, open_bundle
from pgen.latents import latents
from pgen.session import Session, open_model, run
from pgen.text import TextEncoder, check_prompt

DEFAULT_BATCH = 16


@dataclass(frozen=True)
class Picture:
    """One generated picture: `pixels` uint8 (S, S, 4), straight RGBA, made from `prompt` and `seed`."""

    prompt: str
    seed: int
    pixels: NDArray[np.uint8]


class Pipeline:
    """Text to picture on one bundle and device. Sessions open on first use."""

    def __init__(self, bundle: Bundle, device: str = "auto", threads: int = 0) -> None:
        self.bundle, self.device, self.threads = bundle, device, threads
        self.model = bundle.model("text-to-image")
        self.encoder = TextEncoder(bundle, device, threads)

    def images(
        self, prompts: Sequence[str], n: int = 1, seed: int = 0, batch: int = DEFAULT_BATCH
    ) -> NDArray[np.uint8]:
        """Generate `n` pictures a prompt, uint8 (len(prompts) * n, S, S, 4), seeds counting up from `seed`.

        Raises:
            PromptInvalid, BundleNotFound, BundleInvalid, DeviceUnavailable: nothing was generated.
        """
        return np.stack([picture.pixels for picture in self.stream(requests(prompts, n, seed), batch)])

    def stream(self, wanted: Iterable[tuple[str, int]], batch: int = DEFAULT_BATCH) -> Iterator[Picture]:
        """Generate a picture for each (prompt, seed), in order, `batch` at a time; memory stays flat.

        A picture depends on its own prompt and seed alone, not on the batch it is made in.
        """
        wanted = iter(wanted)
        while chunk := list(islice(wanted, batch)):
            prompts, seeds = zip(*chunk, strict=True)
            pixels = self.generate(self.draw(seeds), self.embed(prompts))
            yield from map(Picture, prompts, seeds, pixels)

    def embed(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Embed prompts, float32 (N, D); each different prompt is encoded once."""
        distinct = {prompt: row for row, prompt in enumerate(dict.fromkeys(prompts))}
        embeddings = self.encoder([check_prompt(prompt) for prompt in distinct])
        return embeddings[[distinct[prompt] for prompt in prompts]]

    def draw(self, seeds: Sequence[int]) -> NDArray[np.float32]:
        """Draw the latents of `seeds`, float32 (N, L)."""
        return latents(seeds, self.model.settings["latent_dim"])

    def generate(self, latent: NDArray[np.float32], text: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Run the generator once: latents (N, L) and embeddings (N, D) to uint8 (N, S, S, 4) straight RGBA."""
        (pixels,) = run(self._session, ["pictures"], {"latent": latent, "text": text})
        return pixels  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Pixels a side of the pictures that the generator draws."""
        (pictures,) = (tensor for tensor in self.model.outputs if tensor.name == "pictures")
        return int(pictures.shape[1])

    def providers(self) -> list[str]:
        """List the providers that the generator really runs on, best first."""
        return list(self._session.get_providers())

    @cached_property
    def _session(self) -> Session:
        return open_model(self.bundle, self.model, self.device, self.threads)


def requests(prompts: Iterable[str], n: int, seed: int) -> Iterator[tuple[str, int]]:
    """Pair every prompt with the seeds seed ... seed + n - 1, prompt by prompt."""
    return ((prompt, seed + number) for prompt in prompts for number in range(n))


def load(folder: Path = EMBEDDED, device: str = "auto", threads: int = 0) -> Pipeline:
    """Open a bundle (default: the embedded one) for text to picture.

    Raises:
        BundleNotFound, BundleInvalid: the bundle is missing, damaged or of a newer format.
    """
    return Pipeline(open_bundle(Path(folder)), device, threads)
