"""Requests: everything but the bundle that a picture depends on, and the parsing of seeds."""

import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pgen.errors import RequestInvalid, SeedsConflict
from pgen.latents import MAX_SEED

MAX_TRUNCATION = 2.0
"""Latents of twice the usual length; generators were not trained on longer ones."""

MAX_SEEDS = 1_000_000
"""Seeds in one list."""


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
    """

    prompt: str
    seed: int
    model: str | None = None
    truncation: float = 1.0
    stage: int | None = None
    colors: str = ""

    def __post_init__(self) -> None:
        """Check what can be checked without a bundle."""
        try:
            object.__setattr__(self, "seed", operator.index(self.seed))  # JSON cannot serialize NumPy's integers
        except TypeError as error:
            raise RequestInvalid(f"seed {self.seed!r}: must be an integer") from error
        if not 0 <= self.seed <= MAX_SEED:
            raise RequestInvalid(f"seed {self.seed}: seeds range from 0 to {MAX_SEED}")
        if not 0 <= self.truncation <= MAX_TRUNCATION:
            raise RequestInvalid(f"truncation {self.truncation:g}: must be from 0 to {MAX_TRUNCATION:g}")
        if self.stage not in (None, 1, 2):
            raise RequestInvalid(f"stage {self.stage}: must be 1 or 2")


def request_template(
    model: str | None = None, truncation: float = 1.0, stage: int | None = None, colors: str = ""
) -> Request:
    """Make the template of requests that differ only in prompt and seed."""
    return Request("", 0, model, truncation, stage, colors)


def requests(prompts: Iterable[str], seeds: Iterable[int], template: Request | None = None) -> Iterator[Request]:
    """Request every prompt with every seed, prompt by prompt; all else is as in `template`.

    `prompts` are consumed lazily; `seeds` are iterated once per prompt.
    """
    template = template or request_template()
    return (replace(template, prompt=prompt, seed=seed) for prompt in prompts for seed in seeds)


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
        RequestInvalid: both ways were used, or the list is invalid.
    """
    if seeds is None:
        first = defaults[1] if seed is None else seed
        count = defaults[0] if n is None else n
        if first + count - 1 > MAX_SEED:
            raise RequestInvalid(f"seed {first}: {count:,} seeds from there exceed the largest, {MAX_SEED}")
        return range(first, first + count)
    if n is not None or seed is not None:
        raise SeedsConflict("a list of seeds cannot be combined with a number of pictures or a first seed")
    return parse_seeds(seeds) if isinstance(seeds, str) else list(seeds)


def check_batch(batch: int) -> None:
    """Check a batch size.

    Raises:
        RequestInvalid: `batch` is not a positive integer.
    """
    if not isinstance(batch, int) or batch < 1:
        raise RequestInvalid(f"batch {batch!r}: must be an integer from 1; only jobs of many files accept 'auto'")
