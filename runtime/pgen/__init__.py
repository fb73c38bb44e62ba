"""Generate Pokémon from a bundle of ONNX files, without PyTorch.

>>> import pgen
>>> generator = pgen.load()  # the embedded bundle; pgen.load("my-bundle") for another
>>> generator.images(["Charizard"], n=4, seed=7).shape  # uint8, straight RGBA
(4, 128, 128, 4)

Written to files, as the commands do:

>>> import tempfile
>>> from pathlib import Path
>>> job = pgen.Job(pgen.requests(["Mew"], seeds=[1, 2]), pgen.Postprocess(size=256, resample="nearest"))
>>> with tempfile.TemporaryDirectory() as folder:
...     files = [written.file.name for written in pgen.write_pictures(job, Path(folder))]
...     pgen.reproduce(Path(folder) / files[0]).size
(256, 256)
>>> files
['mew_1.png', 'mew_2.png']

Names are imported on first use, so that ``import pgen`` and ``pgen --help`` stay instant.
"""

from pokegan import __version__

TYPE_CHECKING = False  # type checkers take it for true; importing typing took a third of `pgen --help`
if TYPE_CHECKING:
    from pgen.api import Generator, Picture, load
    from pgen.bundle.reader import EMBEDDED, Bundle, open_bundle
    from pgen.dex.job import write_dex
    from pgen.doctor import examine, healthy
    from pgen.images.metadata import Metadata, read_metadata
    from pgen.images.postprocess import Postprocess
    from pgen.images.variations import variation_requests
    from pgen.jobs.job import Job, Written
    from pgen.jobs.reproduction import reproduce
    from pgen.jobs.sprites import write_sprites
    from pgen.jobs.write import write_grid, write_one, write_pictures
    from pgen.morph.job import MorphJob, write_morph
    from pgen.random_prompts import random_requests
    from pgen.request import Request, choose_seeds, fusion_requests, request_template, requests
    from pgen.stats.job import write_stats

_MODULES = {
    "api": ("Generator", "Picture", "load"),
    "bundle.reader": ("EMBEDDED", "Bundle", "open_bundle"),
    "dex.job": ("write_dex",),
    "doctor": ("examine", "healthy"),
    "images.metadata": ("Metadata", "read_metadata"),
    "images.postprocess": ("Postprocess",),
    "images.variations": ("variation_requests",),
    "jobs.job": ("Job", "Written"),
    "jobs.reproduction": ("reproduce",),
    "jobs.sprites": ("write_sprites",),
    "jobs.write": ("write_grid", "write_one", "write_pictures"),
    "morph.job": ("MorphJob", "write_morph"),
    "random_prompts": ("random_requests",),
    "request": ("Request", "choose_seeds", "fusion_requests", "request_template", "requests"),
    "stats.job": ("write_stats",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [  # noqa: RUF022 (by module, as above)
    "__version__",
    "Generator",
    "Picture",
    "load",
    "EMBEDDED",
    "Bundle",
    "open_bundle",
    "write_dex",
    "examine",
    "healthy",
    "Metadata",
    "read_metadata",
    "Postprocess",
    "variation_requests",
    "Job",
    "Written",
    "reproduce",
    "write_sprites",
    "write_grid",
    "write_one",
    "write_pictures",
    "MorphJob",
    "write_morph",
    "random_requests",
    "Request",
    "choose_seeds",
    "fusion_requests",
    "request_template",
    "requests",
    "write_stats",
]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'pgen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"pgen.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
