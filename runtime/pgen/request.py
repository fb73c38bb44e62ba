"""Requests: everything but the bundle that a picture depends on, and the parsing of seeds."""

import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import SupportsIndex

from pgen.errors import PromptInvalid, RequestInvalid, SeedsConflict
from pgen.latents import MAX_SEED
from pokegan.errors import PokeganError

MAX_TRUNCATION = 2.0
"""Latents of twice the usual length; generators were not trained on longer ones."""

MAX_PARENTS = 6
"""Parents of a fusion: each picture has the shapes of two of them, and the colors of a third at most."""

MAX_SEEDS = 1_000_000
"""Seeds in one list."""


def integer(name: str, value: object, error: type[PokeganError] = RequestInvalid) -> int:
    """Return an integer of Python or NumPy as Python's, whose arithmetic does not overflow.

    Raises:
        PokeganError: `value` is another kind of number, or none; `error` is raised, and names the argument `name`.
    """
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError as reason:
        raise error(f"{name} {value!r}: must be an integer") from reason


def texts(prompts: str | Iterable[str]) -> Iterable[str]:
    """Return prompts as an iterable, also a single one.

    Raises:
        PromptInvalid: `prompts` is neither text nor iterable.
    """
    if isinstance(prompts, str):
        return [prompts]
    if not isinstance(prompts, Iterable):
        raise PromptInvalid(f"prompts {prompts!r}: must be a text, or a list of texts")
    return prompts


@dataclass(frozen=True)
class Request:
    """One picture: everything but the bundle that its pixels depend on.

    Attributes:
        prompt: a name or a sentence; empty for a `model` that reads no text.
        seed: of the latent, 0 to 2**64 - 1.
        model: name of the model in the bundle; None for the text-to-image model.
        truncation: factor on the latent, 0 to MAX_TRUNCATION; below 1 pictures are more typical and less varied.
        stage: 1 for the 64x64 picture of stage I, if the model has one; None for the last stage.
        colors: a name or a sentence whose colors the picture has; empty for those of `prompt`.
        fused: further names or sentences, which `prompt` is fused with; see :mod:`pgen.images.fusion`.
        shiny: whether the picture has clearly other colors than without it; see :mod:`pgen.images.shiny`.
    """

    prompt: str
    seed: int
    model: str | None = None
    truncation: float = 1.0
    stage: int | None = None
    colors: str = ""
    fused: tuple[str, ...] = ()
    shiny: bool = False

    def __post_init__(self) -> None:
        """Check what needs no bundle; numbers of NumPy, which JSON cannot serialize, become Python's."""
        if not isinstance(self.prompt, str):
            raise PromptInvalid(f"prompt {self.prompt!r}: must be text")
        seed, stage = integer("seed", self.seed), self.stage if self.stage is None else integer("stage", self.stage)
        if not 0 <= seed <= MAX_SEED:
            raise RequestInvalid(f"seed {seed}: seeds range from 0 to {MAX_SEED}")
        try:
            truncation = float(self.truncation) + 0.0  # -0.0 becomes 0.0, which has the same pictures
        except (TypeError, ValueError) as error:
            raise RequestInvalid(f"truncation {self.truncation!r}: must be a number") from error
        if not 0 <= truncation <= MAX_TRUNCATION:
            raise RequestInvalid(f"truncation {truncation:g}: must be from 0 to {MAX_TRUNCATION:g}")
        if stage not in (None, 1, 2):
            raise RequestInvalid(f"stage {stage}: must be 1 or 2")
        if not all(isinstance(parent, str) and parent.strip() for parent in self.fused):
            raise PromptInvalid(f"parents {self.fused!r}: must be texts")
        if len(self.fused) >= MAX_PARENTS:
            raise RequestInvalid(f"a fusion of {1 + len(self.fused)} parents; the maximum is {MAX_PARENTS}")
        for name, value in (("seed", seed), ("truncation", truncation), ("stage", stage)):
            object.__setattr__(self, name, value)

    @property
    def texts(self) -> list[str]:
        """Texts that the picture is drawn from: prompt, further parents and colors, without empty ones."""
        return [text for text in (self.prompt, *self.fused, self.colors) if text]


def request_template(
    model: str | None = None, truncation: float = 1.0, stage: int | None = None, colors: str = "", shiny: bool = False
) -> Request:
    """Make the template of requests that differ only in prompt and seed."""
    return Request("", 0, model, truncation, stage, colors, shiny=shiny)


def requests(
    prompts: str | Iterable[str], seeds: str | Iterable[int], template: Request | None = None
) -> Iterator[Request]:
    """Request every prompt with every seed, prompt by prompt; all else is as in `template`.

    `prompts`, or a single one, are consumed lazily; `seeds`, also as text such as "1-4", are iterated once per prompt.

    Raises:
        PromptInvalid, RequestInvalid: prompts or seeds are of another kind.
    """
    template = template or request_template()
    listed, chosen = texts(prompts), _repeatable(seeds)
    return (replace(template, prompt=prompt, seed=seed) for prompt in listed for seed in chosen)


def fusion_requests(
    parents: str | Iterable[str], seeds: str | Iterable[int], template: Request | None = None
) -> Iterator[Request]:
    """Request fusions of `parents`, one per seed; arguments and errors are those of :func:`requests`.

    Raises:
        RequestInvalid: there are fewer than two parents, or more than MAX_PARENTS.
    """
    first, *others = [*texts(parents)] or [""]
    if not others:
        raise RequestInvalid(f"a fusion has 2 to {MAX_PARENTS} parents; give at least one more")
    return requests(first, seeds, replace(template or request_template(), fused=tuple(others)))


def _repeatable(seeds: str | Iterable[int]) -> Iterable[int]:
    """Parse seeds that are text, and collect those of an iterator, which the first prompt would exhaust."""
    if isinstance(seeds, str):
        return parse_seeds(seeds)
    if not isinstance(seeds, Iterable):
        raise RequestInvalid(f"seeds {seeds!r}: must be a list of integers, or text such as 1-4,9")
    return list(seeds) if isinstance(seeds, Iterator) else seeds


def parse_seeds(text: str) -> list[int]:
    """Parse a list of seeds and ranges; order is kept.

    >>> parse_seeds("1-4,100")
    [1, 2, 3, 4, 100]

    Raises:
        RequestInvalid: `text` is not such a list, or has more than MAX_SEEDS seeds.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,20})(?:\s*-\s*(\d{1,20}))?\s*", part, re.ASCII)
        if match is None:
            raise RequestInvalid(f"seeds {text[:40]!r}: {part[:40]!r} is not a seed; write numbers or ranges: 1-4,9")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last <= MAX_SEED:
            raise RequestInvalid(f"seeds {part[:60]}: ranges must ascend, and the largest seed is {MAX_SEED}")
        if len(seeds) + last - first >= MAX_SEEDS:
            raise RequestInvalid(f"seeds {text[:40]}: more than {MAX_SEEDS:,} seeds; split the job")
        seeds.extend(range(first, last + 1))
    return seeds


def choose_seeds(
    n: int | None = None,
    seed: int | None = None,
    seeds: str | Iterable[int] | None = None,
    defaults: tuple[int, int] = (1, 0),
) -> Sequence[int]:
    """Return `seeds`, parsed if they are text, or `n` seeds that count up from `seed`.

    `defaults` are those of `n` and `seed`.

    >>> list(choose_seeds(3, seed=7))
    [7, 8, 9]

    Raises:
        RequestInvalid: `seeds` are invalid, or combined with `n` or `seed`.
    """
    if seeds is None:
        first = defaults[1] if seed is None else integer("seed", seed)
        count = defaults[0] if n is None else integer("n", n)
        if count < 1:
            raise RequestInvalid(f"n {count}: must be the number of pictures, from 1")
        if first + count - 1 > MAX_SEED:
            raise RequestInvalid(f"seed {first}: {count:,} seeds from there exceed the largest, {MAX_SEED}")
        return range(first, first + count)
    if n is not None or seed is not None:
        raise SeedsConflict("a list of seeds cannot be combined with a number of pictures or a first seed")
    return [integer("seed", seed) for seed in _repeatable(seeds)]


def check_batch(batch: int | str) -> int:
    """Check a batch size and return it.

    Raises:
        RequestInvalid: `batch` is not a positive integer.
    """
    if not isinstance(batch, SupportsIndex) or operator.index(batch) < 1:
        raise RequestInvalid(f"batch {batch!r}: must be an integer from 1; only jobs of many files accept 'auto'")
    return operator.index(batch)


def check_threads(threads: int) -> int:
    """Check a number of CPU threads and return it.

    Raises:
        RequestInvalid: `threads` is not an integer from 0.
    """
    number = integer("threads", threads)
    if number < 0:
        raise RequestInvalid(f"threads {number}: give a number from 0, which is one a core")
    return number
