"""Generate Pokémon from a bundle of ONNX files, without PyTorch.

    >>> import pgen
    >>> pictures = pgen.load().images(["Charizard"], n=4, seed=7)  # uint8 (4, 128, 128, 4)

Names are resolved on first use, so that ``import pgen`` and ``pgen --help`` stay instant.
"""

from pokegan import __version__

TYPE_CHECKING = False  # type checkers take it for true; importing typing took a third of `pgen --help`
if TYPE_CHECKING:
    from pgen.bundle import EMBEDDED, Bundle, open_bundle
    from pgen.finish import Finish
    from pgen.generator import Generator, Picture, load
    from pgen.latents import latents
    from pgen.request import Request

_HOMES = {
    "bundle": ("EMBEDDED", "Bundle", "open_bundle"),
    "finish": ("Finish",),
    "generator": ("Generator", "Picture", "load"),
    "latents": ("latents",),
    "request": ("Request",),
}
_PLACES = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "EMBEDDED",
    "Bundle",
    "Finish",
    "Generator",
    "Picture",
    "Request",
    "__version__",
    "latents",
    "load",
    "open_bundle",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'pgen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"pgen.{_PLACES[name]}"), name)
