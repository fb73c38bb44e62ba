"""What can go wrong in export."""

from pokegan.errors import PokeganError


class ParityFailed(PokeganError, ArithmeticError):
    """An exported graph does not give what PyTorch gives; no bundle is written."""

    exit_code = 1  # not the user's input: the export itself failed


class TargetInvalid(PokeganError, FileExistsError):
    """The bundle cannot be written where it was asked for."""


class EngineFailed(PokeganError, RuntimeError):
    """TensorRT cannot build an engine, or it does not give what ONNX Runtime gives; no engine is written."""

    exit_code = 1  # not the user's input: the build itself failed
