"""Generate Pokémon from a bundle of ONNX files, without PyTorch.

    >>> import pgen
    >>> pictures = pgen.load().images(["Charizard"], n=4, seed=7)  # uint8 (4, 128, 128, 4)

Names are resolved on first use, so that ``import pgen`` and ``pgen --help`` stay instant.
"""

from pokegan import __version__

TYPE_CHECKING = False  # type checkers take it for true; importing typing took a third of `pgen --help`
if TYPE_CHECKING:
    from pgen.bundle import EMBEDDED, Bundle, open_bundle
    from pgen.generator import Generator, Picture, Request, load
    from pgen.latents import latents

__all__ = ["EMBEDDED", "Bundle", "Generator", "Picture", "Request", "__version__", "latents", "load", "open_bundle"]

_HOMES = {"Generator": "generator", "load": "images", "latents": "latents"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'pgen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"pgen.{_HOMES.get(name, 'bundle')}"), name)
