"""A file that pgen wrote, made again."""

from pathlib import Path

from PIL import Image

from pgen.bundle.reader import EMBEDDED, open_bundle
from pgen.images.grid import grid_image
from pgen.images.metadata import Made, made_with
from pgen.jobs.job import Job


def job_again(path: Path, bundle: str | Path = EMBEDDED, device: str = "auto", threads: int = 0) -> tuple[Job, Made]:
    """Read from a file the job that makes it again, and how it was made.

    Raises:
        PictureInvalid: it does not tell.
        BundleInvalid, BundleNotFound: `bundle` is not the one that drew it.
    """
    made = made_with(path, open_bundle(bundle))
    return Job(made.requests, made.finish, bundle=bundle, device=device, threads=threads), made


def reproduce(path: str | Path, bundle: str | Path = EMBEDDED, device: str = "auto", threads: int = 0) -> Image.Image:
    """Make the picture, or the grid, of a file again: the same pixels, on the same provider.

    Args:
        path: PNG, WebP or GIF that pgen wrote.
        bundle: folder of the bundle that drew it.
        device: see pgen.backends.registry.device_names.
        threads: CPU threads; 0 is one a core.

    Returns:
        An image, RGBA, or RGB where it was laid on a colour. A GIF's is not yet reduced to its palette.

    Raises:
        PokeganError: as :func:`job_again`, or the device is not to be had.
    """
    job, made = job_again(Path(path), bundle, device, threads)
    generator = job.generator()
    if made.grid:
        return grid_image(generator, made.requests, made.finish, made.columns)
    return made.finish.apply(generator.draw_batch(made.requests)[0])
