"""What can go wrong in export."""

from pokegan.errors import PokeganError


class ParityFailed(PokeganError, ArithmeticError):
    """An exported graph does not give what PyTorch gives; no bundle is written."""


class TargetInvalid(PokeganError, FileExistsError):
    """A bundle or a model repository cannot be written where it was asked for."""


class OpsetInvalid(PokeganError, ValueError):
    """The graphs cannot be written in the opset that was asked for."""


class RunsInvalid(PokeganError, ValueError):
    """The runs that were named, or found, cannot go into one bundle."""


class GraphUnread(PokeganError, ValueError):
    """TensorRT does not read a graph that an engine was asked of; nothing is built."""


class EngineFailed(PokeganError, RuntimeError):
    """TensorRT cannot build an engine, or it does not give what ONNX Runtime gives; no engine is written."""

    exit_code = 1  # not the user's input: the build itself failed
