"""Errors of export."""

from pokegan.errors import PokeganError


class ParityFailed(PokeganError, ArithmeticError):
    """An exported graph differs from PyTorch by more than a limit; no bundle is written."""


class TargetInvalid(PokeganError, FileExistsError):
    """A bundle or a model repository cannot be written to its place."""


class TargetExists(TargetInvalid):
    """A bundle, a model repository, a page or a model is there already, and may be replaced."""


class WebFilesMissing(PokeganError, FileNotFoundError):
    """Files of a static page, which are not part of the bundle, are missing."""


class OpsetInvalid(PokeganError, ValueError):
    """The graphs cannot be written in the requested opset."""


class RunsInvalid(PokeganError, ValueError):
    """Runs cannot go into one bundle, or there is no run."""


class GraphUnread(PokeganError, ValueError):
    """TensorRT does not read a graph; no engine is built."""


class EngineFailed(PokeganError, RuntimeError):
    """TensorRT cannot build an engine, or the engine differs from ONNX Runtime; no engine is written."""

    exit_code = 1  # not the user's input: the build itself failed
