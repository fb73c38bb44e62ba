"""Sessions: the one interface to everything that a model can run on."""

from collections.abc import Sequence
from typing import Any, Protocol

from pgen.errors import RunFailed
from pokegan.errors import PokeganError, one_line


class Session(Protocol):
    """A model that is ready to run on any device."""

    def run(self, outputs: Sequence[str], feeds: dict[str, Any]) -> Sequence[Any]:
        """Compute the named outputs."""
        ...

    def get_providers(self) -> list[str]:
        """List what it runs on, best first."""
        ...


def run(session: Session, outputs: list[str], feeds: dict[str, Any]) -> list[Any]:
    """Run `session` and return the named outputs as NumPy arrays.

    Raises:
        RunFailed: the device ran out of memory, or the graph takes other inputs than its manifest says.
    """
    try:
        return list(session.run(outputs, feeds))
    except PokeganError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no base class
        raise RunFailed(
            f"a network cannot be run ({one_line(error)}); use a smaller batch, or export the bundle again"
        ) from error
