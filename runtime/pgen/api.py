"""The facade of pgen: everything that the networks of a bundle generate, in one class."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pgen.bundle.reader import EMBEDDED
from pgen.errors import OtherBundle, RequestInvalid
from pgen.images.model import DEFAULT_BATCH, Picture, PictureModel
from pgen.request import Request, choose_seeds, fusion_requests, request_template, requests

if TYPE_CHECKING:
    from pgen.dex.entry import Entry
    from pgen.images.sprite import Sprite
    from pgen.stats.rows import Rows

__all__ = ["DEFAULT_BATCH", "Generator", "Picture", "load"]


class Generator(PictureModel):
    """Generates pictures, morphs, stats and whole Pokémon from one bundle, on one device; threads may share one.

    A copy, also one in another process, opens the same bundle again on the same device.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy as bundle, device and threads."""
        return _load_again, (self.bundle.folder, self.bundle.digest, self.device, self.threads)

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
        colors: str = "",
        shiny: bool = False,
    ) -> NDArray[np.uint8]:
        """Generate pictures of every prompt with every seed, prompt by prompt.

        Args:
            prompts: names or sentences, or a single one.
            n: pictures per prompt (1), with seeds that count up from `seed` (0).
            seed: see `n`.
            batch: pictures generated at once; it does not change them.
            seeds: a list of seeds, or text such as "1-64,100", instead of `n` and `seed`.
            model: as in :class:`pgen.Request`.
            truncation: as in :class:`pgen.Request`.
            stage: as in :class:`pgen.Request`.
            colors: as in :class:`pgen.Request`.
            shiny: as in :class:`pgen.Request`.

        Returns:
            Pictures, uint8 (len(prompts) * n, S, S, 4), straight RGBA.

        Raises:
            PromptInvalid, RequestInvalid, BundleNotFound, BundleInvalid, DeviceUnavailable: nothing was generated.

        >>> import pgen
        >>> pgen.load().images(["Charizard", "a red fire dragon"], n=2, seed=7).shape
        (4, 128, 128, 4)
        """
        template = request_template(model, truncation, stage, colors, shiny)
        return self._stack(requests(prompts, choose_seeds(n, seed, seeds), template), batch)

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
        colors: str = "",
        shiny: bool = False,
    ) -> NDArray[np.uint8]:
        """Generate one picture per seed without a prompt; see :func:`pgen.random_prompts.random_requests`.

        Arguments, returned shape and errors are those of :meth:`images`; for a `model` that reads text, each seed
        picks a known name.

        >>> import pgen
        >>> pgen.load().random(3, seed=1).shape
        (3, 64, 64, 4)
        """
        from pgen.random_prompts import random_requests

        template = request_template(model, truncation, stage, colors, shiny)
        return self._stack(random_requests(self.bundle, choose_seeds(n, seed, seeds), template), batch)

    def fuse(
        self,
        parents: Iterable[str],
        n: int | None = None,
        seed: int | None = None,
        batch: int = DEFAULT_BATCH,
        *,
        seeds: str | Iterable[int] | None = None,
        model: str | None = None,
        truncation: float = 1.0,
        stage: int | None = None,
        colors: str = "",
        shiny: bool = False,
    ) -> NDArray[np.uint8]:
        """Generate fusions of two or more names or sentences, `parents`; see :mod:`pgen.images.fusion`.

        Further arguments, returned shape and errors are those of :meth:`images`.

        >>> import pgen
        >>> pgen.load().fuse(["Charizard", "Gengar"], n=2).shape
        (2, 128, 128, 4)
        """
        template = request_template(model, truncation, stage, colors, shiny)
        return self._stack(fusion_requests(parents, choose_seeds(n, seed, seeds), template), batch)

    def sprites(
        self,
        prompts: str | Iterable[str],
        n: int | None = None,
        seed: int | None = None,
        *,
        seeds: str | Iterable[int] | None = None,
        model: str | None = None,
        truncation: float = 1.0,
        colors: str = "",
    ) -> "list[Sprite]":
        """Generate sprites of 15 colors, each with a second palette; :func:`pgen.write_sprites` writes their files.

        Arguments and errors are those of :meth:`images`.

        >>> import pgen
        >>> pgen.load().sprites("Charizard")[0].indices.shape
        (64, 64)
        """
        from pgen.images.sprite import draw_sprites

        template = request_template(model, truncation, None, colors)
        return list(draw_sprites(self, requests(prompts, choose_seeds(n, seed, seeds), template)))

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

        Arguments, returned shape and errors are those of :meth:`images`, except for the defaults: `n` is 8, and
        `seed` is the one after the file's seed.

        Raises:
            PictureInvalid: the file is missing, or has no metadata of pgen.
            BundleInvalid: the file was generated with another bundle.
        """
        from pgen.images.variations import variation_requests

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
        colors: str = "",
        shiny: bool = False,
    ) -> NDArray[np.uint8]:
        """Generate the frames between two pictures, see :mod:`pgen.morph.interpolation`.

        Args:
            start: prompt of the first picture; empty, as `end`, for a `model` that reads no text.
            end: prompt of the last picture.
            frames: number of pictures, including the first and the last.
            seed: of the first picture.
            to_seed: of the last picture; None for `seed`.
            batch: pictures generated at once.
            loop: return to the first picture, so that the animation can repeat.
            model: as in :class:`pgen.Request`.
            truncation: as in :class:`pgen.Request`.
            stage: as in :class:`pgen.Request`.
            colors: as in :class:`pgen.Request`.
            shiny: as in :class:`pgen.Request`.

        Returns:
            Pictures, uint8 (frames, S, S, 4), straight RGBA.

        >>> import pgen
        >>> frames = pgen.load().morph("Charizard", "Blastoise", frames=3)
        >>> bool((frames[0] == pgen.load().images("Charizard")[0]).all())
        True
        """
        from pgen.morph.interpolation import morph, morph_ends

        ends = morph_ends(start, end, seed, to_seed, request_template(model, truncation, stage, colors, shiny))
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
        """Generate rows of stats, types and rarity; :func:`pgen.stats.draw.stream` generates more than fit in memory.

        Args:
            n: number of rows.
            seed: of the first row; seeds count up. A row depends only on its seed and on the conditions below.
            type: one or two types that every row must have.
            total: sum of the six stats, met exactly.
            rarity: a rarity that the model knows: "ordinary", "legendary", "mythical" or "baby".
            legendary: short for that rarity.

        Raises:
            RequestInvalid, BundleNotFound, BundleInvalid, DeviceUnavailable: nothing was generated.
        """
        from pgen.stats.draw import stream
        from pgen.stats.rows import joined, row_filter

        return joined(list(stream(self, n, seed, row_filter(type, total, rarity, legendary))))

    def dex(
        self,
        n: int = 1,
        seed: int = 0,
        *,
        type: str | Sequence[str] = (),
        total: int | None = None,
        rarity: str | None = None,
        legendary: bool = False,
        shiny: bool = False,
        family: int | None = None,
        llm: str | None = None,
        llm_model: str | None = None,
        llm_timeout: float = 60.0,
    ) -> "list[Entry]":
        """Generate whole Pokémon: stats, name, description, picture; :func:`pgen.dex.job.write_dex` writes cards.

        Args:
            n: number of entries, or of evolution lines.
            seed: of the first entry; seeds count up.
            type: as in :meth:`stats`.
            total: as in :meth:`stats`.
            rarity: as in :meth:`stats`.
            legendary: as in :meth:`stats`.
            shiny: whether pictures have clearly other colors than otherwise.
            family: 2 or 3 for evolution lines of 2 or 3 stages, whose last one satisfies the conditions; the entries
                of a line follow each other. None for single Pokémon.
            llm: URL of an OpenAI-compatible endpoint that writes names and descriptions. Its key, if it needs one, is
                read from the environment variable POKEGAN_LLM_KEY; if it fails, a warning is issued.
            llm_model: a model of the endpoint; None for the first that it lists.
            llm_timeout: seconds to wait for each answer.

        Raises:
            RequestInvalid, BundleNotFound, BundleInvalid, DeviceUnavailable, EndpointFailed: nothing was generated.
        """
        from pgen.dex.entry import EntryGenerator
        from pgen.dex.llm import open_writer
        from pgen.stats.rows import row_filter

        writer = None if llm is None else open_writer(llm, llm_model, llm_timeout)
        conditions = row_filter(type, total, rarity, legendary)
        return list(EntryGenerator(self).entries(n, seed, conditions, writer, shiny=shiny, family=family))

    def _stack(self, requests: Iterable[Request], batch: int) -> NDArray[np.uint8]:
        pictures = [picture.pixels for picture in self.stream(requests, batch)]
        if not pictures:
            raise RequestInvalid("no picture was requested; give at least one prompt and one seed")
        return np.stack(pictures)


def _load_again(folder: Path, digest: str, device: str, threads: int) -> Generator:
    """Open the bundle of a pickled generator.

    Raises:
        OtherBundle: there is another one now.
        PokeganError: see :func:`load`.
    """
    generator = load(folder, device, threads)
    if generator.bundle.digest != digest:
        raise OtherBundle(f"{folder}: is another bundle than the one that was pickled; copy the same one here")
    return generator


def load(folder: str | Path = EMBEDDED, device: str = "auto", threads: int = 0) -> Generator:
    """Open a bundle; the default is the embedded one.

    Raises:
        BundleNotFound, BundleInvalid: the bundle is missing, damaged or of a newer format.
        DeviceUnavailable, RequestInvalid: `device` is unknown, or `threads` is negative.
    """
    return Generator.open(folder, device, threads)
