"""Pictures from prompts and seeds, in batches."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from threading import RLock
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pgen.backends.base import Session, run
from pgen.backends.devices import check_device, open_model
from pgen.bundle.reader import EMBEDDED, Bundle, Model, open_bundle
from pgen.errors import RequestInvalid
from pgen.images.metadata import variation_requests
from pgen.latents import latents
from pgen.morph.interpolation import ends_of, morph
from pgen.random_prompts import random_requests
from pgen.request import Request, check_batch, choose_seeds, pattern, requests
from pgen.text_encoder import TextEncoder, check_prompt

if TYPE_CHECKING:
    from pgen.dex.entry import Entry
    from pgen.stats.rows import Rows

DEFAULT_BATCH = 16


@dataclass(frozen=True)
class Picture:
    """One generated picture.

    Attributes:
        request: what it was made from.
        pixels: uint8 (S, S, 4), straight RGBA.
        milliseconds: its share of the time that its batch took.
    """

    request: Request
    pixels: NDArray[np.uint8]
    milliseconds: float = 0.0


class Generator:
    """All that one bundle draws, on one device. Sessions open on first use; threads may share one generator."""

    def __init__(self, bundle: Bundle, device: str = "auto", threads: int = 0) -> None:
        if threads < 0:
            raise RequestInvalid(f"threads {threads}: give a number from 0, which is one a core")
        self.bundle, self.device, self.threads = bundle, check_device(device), threads
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
        self,
        prompts: str | Iterable[str],
        n: int | None = None,
        seed: int | None = None,
        batch: int = DEFAULT_BATCH,
        *,
        seeds: str | Iterable[int] | None = None,
        model: str | None = None,
        truncation: float = 1.0,
        stage: int | None = None,
    ) -> NDArray[np.uint8]:
        """Generate pictures of every prompt with every seed, prompt by prompt.

        Args:
            prompts: names or sentences, or a single one.
            n: pictures a prompt (1), with seeds counting up from `seed` (0).
            seed: see `n`.
            batch: pictures generated at once; it does not change them.
            seeds: instead of `n` and `seed`, a list, or text such as "1-64,100".
            model: as `truncation` and `stage` in :class:`pgen.Request`.
            truncation: see there.
            stage: see there.

        Returns:
            Pictures, uint8 (len(prompts) * n, S, S, 4), straight RGBA.

        Raises:
            PromptInvalid, RequestInvalid, BundleNotFound, BundleInvalid, DeviceUnavailable: nothing was generated.

        >>> import pgen
        >>> pgen.load().images(["Charizard", "a red fire dragon"], n=2, seed=7).shape
        (4, 128, 128, 4)
        """
        named = [prompts] if isinstance(prompts, str) else prompts
        like = pattern(model, truncation, stage)
        return self._stack(requests(named, choose_seeds(n, seed, seeds), like), batch)

    def random(
        self,
        n: int | None = None,
        seed: int | None = None,
        batch: int = DEFAULT_BATCH,
        *,
        seeds: str | Iterable[int] | None = None,
        model: str | None = None,
        truncation: float = 1.0,
        stage: int | None = None,
    ) -> NDArray[np.uint8]:
        """Generate a picture a seed without any prompt; see :func:`pgen.random_prompts.random_requests`.

        Args, returned shape and errors are those of :meth:`images`; a `model` that reads text draws a known name,
        which the seed picks.

        >>> import pgen
        >>> pgen.load().random(3, seed=1).shape
        (3, 64, 64, 4)
        """
        like = pattern(model, truncation, stage)
        return self._stack(random_requests(self.bundle, choose_seeds(n, seed, seeds), like), batch)

    def variations(
        self,
        path: str | Path,
        n: int | None = None,
        seed: int | None = None,
        batch: int = DEFAULT_BATCH,
        *,
        seeds: str | Iterable[int] | None = None,
    ) -> NDArray[np.uint8]:
        """Generate the prompt of a file that pgen wrote, with its settings and other seeds, at the model's size.

        Args, returned shape and errors are those of :meth:`images`, but for `n`, which is 8 without `seeds`, and
        `seed`, which is the one after the file's own.

        Raises:
            PictureInvalid: the file does not tell how it was made.
            BundleInvalid: another bundle drew it.
        """
        return self._stack(variation_requests(Path(path), self.bundle, n, seed, seeds), batch)

    def morph(
        self,
        start: str = "",
        end: str = "",
        frames: int = 48,
        seed: int = 0,
        to_seed: int | None = None,
        batch: int = DEFAULT_BATCH,
        *,
        loop: bool = False,
        model: str | None = None,
        truncation: float = 1.0,
        stage: int | None = None,
    ) -> NDArray[np.uint8]:
        """Generate the way from one picture to another, see :mod:`pgen.morph.interpolation`.

        Args:
            start: prompt of the first picture; without prompts, of a `model` that reads none, seeds alone differ.
            end: prompt of the last.
            frames: how many pictures, both ends included.
            seed: of the first picture.
            to_seed: of the last; None for the same.
            batch: pictures generated at once.
            loop: come back to the first, so that the film can run without end.
            model: as `truncation` and `stage` in :class:`pgen.Request`.
            truncation: see there.
            stage: see there.

        Returns:
            Pictures, uint8 (frames, S, S, 4), straight RGBA.

        >>> import pgen
        >>> film = pgen.load().morph("Charizard", "Blastoise", frames=3)
        >>> bool((film[0] == pgen.load().images("Charizard")[0]).all())
        True
        """
        ends = ends_of(start, end, seed, to_seed, pattern(model, truncation, stage))
        return np.stack(list(morph(self, *ends, frames, loop, batch)))

    def stats(
        self,
        n: int = 1,
        seed: int = 0,
        *,
        type: str | Sequence[str] = (),
        total: int | None = None,
        rarity: str | None = None,
        legendary: bool = False,
    ) -> "Rows":
        """Draw Pokémon as numbers; for more rows than memory holds see :func:`pgen.stats.draw.stream`.

        Args:
            n: how many rows.
            seed: of the first row; the next add 1. A row depends on its seed and what is asked alone.
            type: a type, or two, that every row must have.
            total: what the six stats sum to, exactly.
            rarity: one that the model knows: "ordinary", "legendary", "mythical" or "baby".
            legendary: short for that rarity.

        Raises:
            RequestInvalid, BundleNotFound, BundleInvalid, DeviceUnavailable: nothing was generated.
        """
        from pgen.stats.draw import stream
        from pgen.stats.rows import ask, joined

        return joined(list(stream(self, n, seed, ask(type, total, rarity, legendary))))

    def dex(
        self,
        n: int = 1,
        seed: int = 0,
        *,
        type: str | Sequence[str] = (),
        total: int | None = None,
        rarity: str | None = None,
        legendary: bool = False,
        llm: str | None = None,
        llm_model: str | None = None,
        llm_timeout: float = 60.0,
    ) -> "list[Entry]":
        """Make whole new Pokémon: numbers, words, a picture; :func:`pgen.dex.job.write_dex` makes cards of them.

        Args:
            n: how many.
            seed: of the first; the next add 1.
            type: as `total`, `rarity` and `legendary` in :meth:`stats`.
            total: see there.
            rarity: see there.
            legendary: see there.
            llm: address of an OpenAI-compatible endpoint that writes names and descriptions, with the key in the
                environment variable POKEGAN_LLM_KEY, if it needs one; where it fails, a warning tells so.
            llm_model: a model of it; None for the first that it lists.
            llm_timeout: seconds to wait for each answer.

        Raises:
            RequestInvalid, BundleNotFound, BundleInvalid, DeviceUnavailable, EndpointFailed: nothing was made.
        """
        from pgen.dex.entry import Maker
        from pgen.dex.llm import writer_at
        from pgen.stats.rows import ask

        writer = None if llm is None else writer_at(llm, llm_model, llm_timeout)
        return list(Maker(self).entries(n, seed, ask(type, total, rarity, legendary), writer))

    def _stack(self, wanted: Iterable[Request], batch: int) -> NDArray[np.uint8]:
        pictures = [picture.pixels for picture in self.stream(wanted, batch)]
        if not pictures:
            raise RequestInvalid("no picture was asked for; give a prompt and a seed at least")
        return np.stack(pictures)

    def stream(self, wanted: Iterable[Request], batch: int = DEFAULT_BATCH) -> Iterator[Picture]:
        """Generate a picture for each request, in order, `batch` at a time; memory stays flat.

        A picture depends on its own request alone, not on the batch it is made in.
        """
        check_batch(batch)
        for (name, _), alike in groupby(wanted, lambda request: (request.model, request.stage)):
            self.session(self.find(name))  # outside of what is timed
            while chunk := list(islice(alike, batch)):
                began = perf_counter()
                drawn = self.draw_batch(chunk)
                each = 1e3 * (perf_counter() - began) / len(chunk)
                yield from (Picture(*pair, each) for pair in zip(chunk, drawn, strict=True))

    def draw_batch(self, wanted: Sequence[Request]) -> NDArray[np.uint8]:
        """Generate pictures of one model and stage at once, uint8 (N, S, S, 4)."""
        return self.generate(*self.inputs(wanted), self.find(wanted[0].model), wanted[0].stage)

    def inputs(self, wanted: Sequence[Request]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Make what :meth:`generate` takes for requests of one model: latents, and embeddings if it reads text."""
        model = self.find(wanted[0].model)
        self.check_prompts(wanted)
        truncation = np.array([[request.truncation] for request in wanted], np.float32)
        latent = truncation * self.draw([request.seed for request in wanted], model)
        return latent, self.embed([request.prompt for request in wanted]) if model.reads_text else None

    def check_prompts(self, wanted: Iterable[Request]) -> None:
        """Check that no prompt is given to a model that does not read it.

        Raises:
            RequestInvalid: one is.
        """
        for request in wanted:
            if request.prompt and not self.find(request.model).reads_text:
                raise RequestInvalid(f"model {request.model}: reads no text; use pgen random --model {request.model}")

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
        drawing = {key: model for key, model in self.bundle.manifest.models.items() if model.draws_pictures}
        if name not in drawing:
            raise RequestInvalid(
                f"model {name}: {self.bundle.folder} draws with {', '.join(drawing) or 'nothing'}; name that"
            )
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


def load(folder: str | Path = EMBEDDED, device: str = "auto", threads: int = 0) -> Generator:
    """Open a bundle (default: the embedded one) for text to picture.

    Raises:
        BundleNotFound, BundleInvalid: the bundle is missing, damaged or of a newer format.
        DeviceUnavailable, RequestInvalid: there is no device of that name, or fewer than no threads.
    """
    return Generator(open_bundle(folder), device, threads)
