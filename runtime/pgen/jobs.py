"""What ``pgen image`` does, from Python: prompts to files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pgen.bundle import EMBEDDED, Bundle
from pgen.generator import DEFAULT_BATCH, Generator, Picture, Request, load, requests
from pgen.output import check_file, check_folder, check_grid, file_names, grid, resize, save
from pgen.text import check_prompt
from pokegan import __version__


@dataclass(frozen=True)
class ImageJob:
    """Pictures to make: `count` a prompt, with seeds counting up from `seed`, `size` pixels a side.

    `columns` is the width of a grid in pictures; without it the grid is as square as can be.
    """

    prompts: tuple[str, ...]
    count: int = 1
    seed: int = 0
    size: int | None = None
    columns: int | None = None
    batch: int = DEFAULT_BATCH
    model: Path | None = None
    device: str = "auto"
    threads: int = 0

    def wanted(self) -> list[Request]:
        """List the request of every picture, in order.

        Raises:
            PromptInvalid: one of the prompts cannot be used.
        """
        seeds = range(self.seed, self.seed + self.count)
        return list(requests([check_prompt(prompt) for prompt in self.prompts], seeds))

    def generator(self) -> Generator:
        """Open the bundle."""
        return load(self.model or EMBEDDED, self.device, self.threads)


def write_one(job: ImageJob, out: Path, as_grid: bool = False) -> Path:
    """Write the first picture of `job`, or all of them as a grid, to `out`; return `out`.

    Raises:
        PokeganError: a prompt, the bundle or `out` cannot be used; nothing is written.
    """
    wanted = job.wanted()
    check_file(out)
    generator = job.generator()
    if as_grid:
        check_grid(len(wanted), job.size or generator.size(), job.columns)
    pictures = list(generator.stream(wanted if as_grid else wanted[:1], job.batch))
    images = [resize(picture.pixels, job.size or len(picture.pixels)) for picture in pictures]
    save(grid(images, job.columns) if as_grid else images[0], out, facts(pictures[0], generator.bundle))
    return out


def write_pictures(job: ImageJob, folder: Path) -> Iterator[Path]:
    """Write every picture of `job` into `folder` as it is made; yield the files.

    Raises:
        PokeganError: a prompt, the bundle or `folder` cannot be used; nothing is written.
    """
    wanted = job.wanted()
    generator = job.generator()
    check_folder(folder)
    for name, picture in zip(file_names(wanted), generator.stream(wanted, job.batch), strict=True):
        image = resize(picture.pixels, job.size or len(picture.pixels))
        save(image, folder / name, facts(picture, generator.bundle))
        yield folder / name


def facts(picture: Picture, bundle: Bundle) -> dict[str, str]:
    """List what made a picture, for the text chunks of its PNG."""
    return {
        "prompt": picture.request.prompt,
        "seed": str(picture.request.seed),
        "bundle": bundle.digest,
        "Software": f"pokegan {__version__}",
    }
