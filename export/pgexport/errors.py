"""Errors of export."""

from pokegan.errors import PokeganError


class ParityFailed(PokeganError, ArithmeticError):
    """An exported graph does not give what PyTorch gives; no bundle is written."""


class TargetInvalid(PokeganError, FileExistsError):
    """A bundle or a model repository cannot be written to its place."""


class WebFilesMissing(PokeganError, FileNotFoundError):
    """What a static page is made of, beside the bundle, is missing."""


class OpsetInvalid(PokeganError, ValueError):
    """The graphs cannot be written in the requested opset."""


class RunsInvalid(PokeganError, ValueError):
    """Runs cannot go into one bundle, or there is none."""


class GraphUnread(PokeganError, ValueError):
    """TensorRT does not read a graph; no engine is built."""


class EngineFailed(PokeganError, RuntimeError):
    """TensorRT cannot build an engine, or it does not give what ONNX Runtime gives; no engine is written."""

    exit_code = 1  # not the user's input: the build itself failed
