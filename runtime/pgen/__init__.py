"""Generate Pokémon from a bundle of ONNX files, without PyTorch.

>>> import pgen
>>> generator = pgen.load()  # the embedded bundle; pgen.load("my-bundle") for another
>>> generator.images(["Charizard"], n=4, seed=7).shape  # uint8, straight RGBA
(4, 128, 128, 4)

To files, as the commands do:

>>> import tempfile
>>> from pathlib import Path
>>> job = pgen.Job(pgen.requests(["Mew"], seeds=[1, 2]), pgen.Finish(size=256, resample="nearest"))
>>> with tempfile.TemporaryDirectory() as folder:
...     files = [written.file.name for written in pgen.write_pictures(job, Path(folder))]
...     pgen.reproduce(Path(folder) / files[0]).size
(256, 256)
>>> files
['mew_1.png', 'mew_2.png']

Names are resolved on first use, so that ``import pgen`` and ``pgen --help`` stay instant.
"""

from pokegan import __version__

TYPE_CHECKING = False  # type checkers take it for true; importing typing took a third of `pgen --help`
if TYPE_CHECKING:
    from pgen.api import Generator, Picture, load
    from pgen.bundle.reader import EMBEDDED, Bundle, open_bundle
    from pgen.dex.job import write_dex
    from pgen.doctor import examine, healthy
    from pgen.images.grid import write_grid
    from pgen.images.metadata import Made, read_made, variation_requests
    from pgen.images.postprocess import Finish
    from pgen.images.reproduce import reproduce
    from pgen.jobs.job import Job, Written, write_one
    from pgen.jobs.local import write_pictures
    from pgen.morph.job import MorphJob, write_morph
    from pgen.random_prompts import random_requests
    from pgen.request import Request, choose_seeds, pattern, requests
    from pgen.stats.job import write_stats

_HOMES = {
    "jobs.local": ("write_pictures",),
    "images.reproduce": ("reproduce",),
    "bundle.reader": ("EMBEDDED", "Bundle", "open_bundle"),
    "random_prompts": ("random_requests",),
    "dex.job": ("write_dex",),
    "doctor": ("examine", "healthy"),
    "images.postprocess": ("Finish",),
    "api": ("Generator", "Picture", "load"),
    "images.grid": ("write_grid",),
    "jobs.job": ("Job", "Written", "write_one"),
    "images.metadata": ("Made", "read_made", "variation_requests"),
    "morph.job": ("MorphJob", "write_morph"),
    "request": ("Request", "choose_seeds", "pattern", "requests"),
    "stats.job": ("write_stats",),
}
_PLACES = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: RUF022 (by module, as above)
    "__version__",
    "reproduce",
    "EMBEDDED",
    "Bundle",
    "open_bundle",
    "random_requests",
    "write_dex",
    "examine",
    "healthy",
    "Finish",
    "Generator",
    "Picture",
    "load",
    "write_grid",
    "Job",
    "Written",
    "write_one",
    "write_pictures",
    "Made",
    "read_made",
    "variation_requests",
    "MorphJob",
    "write_morph",
    "Request",
    "choose_seeds",
    "pattern",
    "requests",
    "write_stats",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'pgen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"pgen.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
