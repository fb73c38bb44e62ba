"""Sessions: the common interface of all runtimes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pgen.errors import RunFailed
from pokegan.errors import PokeganError, one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pgen.bundle.manifest import Model


class Session(Protocol):
    """A model that is loaded on a device, with the interface of ONNX Runtime's sessions."""

    def run(self, outputs: Sequence[str], feeds: dict[str, Any]) -> Sequence[Any]:
        """Compute the named outputs."""
        ...

    def get_providers(self) -> list[str]:
        """List the providers that run the model, by priority."""
        ...


def with_defaults(model: "Model", feeds: "Mapping[str, NDArray[Any]]") -> "dict[str, NDArray[Any]]":
    """Complete `feeds`, which hold at least the latents (N, L), with zeros, the default of all further inputs."""
    import numpy as np  # not needed by doctor and --help

    rows = len(feeds["latent"])
    missing = (tensor for tensor in model.inputs if tensor.name not in feeds)
    return {**feeds, **{tensor.name: np.zeros((rows, *map(int, tensor.shape[1:])), tensor.dtype) for tensor in missing}}


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of any runtime says that memory could not be allocated."""
    return isinstance(error, MemoryError) or "alloc" in str(error).lower()


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
        if is_out_of_memory(error):
            raise RunFailed(f"a network ran out of memory ({one_line(error)}); use a smaller batch") from error
        raise RunFailed(
            f"a network cannot be run ({one_line(error)}); use a smaller batch, or export the bundle again"
        ) from error
