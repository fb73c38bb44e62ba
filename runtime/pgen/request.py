"""Requests: what a picture's pixels depend on beside the bundle, and the seeds that people write."""

import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pgen.errors import RequestInvalid
from pgen.latents import MAX_SEED

MAX_TRUNCATION = 2.0
"""Latents twice as long as usual; further out no generator was ever trained."""

MAX_SEEDS = 1_000_000
"""Seeds that one list may name: enough for any job, and little memory."""


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
        try:
            object.__setattr__(self, "seed", operator.index(self.seed))  # NumPy's integers are none to JSON
        except TypeError as error:
            raise RequestInvalid(f"seed {self.seed!r}: give a whole number") from error
        if not 0 <= self.seed <= MAX_SEED:
            raise RequestInvalid(f"seed {self.seed}: seeds run from 0 to {MAX_SEED}")
        if not 0 <= self.truncation <= MAX_TRUNCATION:
            raise RequestInvalid(f"truncation {self.truncation:g}: give a number from 0 to {MAX_TRUNCATION:g}")
        if self.stage not in (None, 1, 2):
            raise RequestInvalid(f"stage {self.stage}: there are the stages 1 and 2")


def pattern(model: str | None = None, truncation: float = 1.0, stage: int | None = None) -> Request:
    """Make the pattern of many requests, which differ in prompt and seed alone."""
    return Request("", 0, model, truncation, stage)


def requests(prompts: Iterable[str], seeds: Iterable[int], like: Request | None = None) -> Iterator[Request]:
    """Ask for every prompt with every seed, prompt by prompt; model, truncation and stage are those of `like`.

    `prompts` are read one by one as requests are taken; `seeds` are gone through once a prompt.
    """
    like = like or pattern()
    return (replace(like, prompt=prompt, seed=seed) for prompt in prompts for seed in seeds)


def parse_seeds(text: str) -> list[int]:
    """Read a list of seeds, in its order.

    >>> parse_seeds("1-4,100")
    [1, 2, 3, 4, 100]

    Raises:
        RequestInvalid: it is no such list, or names more than MAX_SEEDS.
    """
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,20})(?:\s*-\s*(\d{1,20}))?\s*", part, re.ASCII)
        if found is None:
            raise RequestInvalid(f"seeds {text[:40]!r}: {part[:40]!r} is no seed; write numbers and ranges: 1-64,100")
        first, last = int(found[1]), int(found[2] or found[1])
        if not first <= last <= MAX_SEED:
            raise RequestInvalid(f"seeds {part[:60]}: a range runs upwards, and the last seed is {MAX_SEED}")
        if len(seeds) + last - first >= MAX_SEEDS:
            raise RequestInvalid(f"seeds {text[:40]}: name more than {MAX_SEEDS:,}; split the job")
        seeds.extend(range(first, last + 1))
    return seeds


def choose_seeds(
    n: int | None = None,
    seed: int | None = None,
    seeds: str | Iterable[int] | None = None,
    usual: tuple[int, int] = (1, 0),
) -> Sequence[int]:
    """Choose the seeds of pictures: `seeds` as they are, or `n` that count up from `seed`.

    `usual` are the two where they are not given.

    >>> list(choose_seeds(3, seed=7))
    [7, 8, 9]

    Raises:
        RequestInvalid: both were given, or the list cannot be used.
    """
    if seeds is None:
        first = usual[1] if seed is None else seed
        count = usual[0] if n is None else n
        if first + count - 1 > MAX_SEED:
            raise RequestInvalid(f"seed {first}: {count:,} seeds from there go beyond the last, {MAX_SEED}")
        return range(first, first + count)
    if n is not None or seed is not None:
        raise RequestInvalid("a list of seeds says how many and which: leave out -n and --seed, or --seeds")
    return parse_seeds(seeds) if isinstance(seeds, str) else list(seeds)


def check_batch(batch: int) -> None:
    """Check that `batch` pictures can be drawn at once.

    Raises:
        RequestInvalid: it is no number from 1.
    """
    if not isinstance(batch, int) or batch < 1:
        raise RequestInvalid(f"batch {batch!r}: give a number from 1; only jobs of many files take 'auto'")
