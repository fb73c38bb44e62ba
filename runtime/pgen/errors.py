"""What can go wrong in generation."""

from pokegan.errors import PokeganError


class BundleNotFound(PokeganError, FileNotFoundError):
    """A bundle, or a file of it, is not there."""


class BundleInvalid(PokeganError, ValueError):
    """A bundle is damaged, or of a format that this version does not read."""


class PromptInvalid(PokeganError, ValueError):
    """A prompt is empty, too long, or holds control characters."""


class OutputInvalid(PokeganError, ValueError):
    """A picture cannot be written where it was asked for."""


class DeviceUnavailable(PokeganError, RuntimeError):
    """The device that was asked for cannot run the model; nothing silently runs elsewhere."""


class EngineInvalid(PokeganError, ValueError):
    """A TensorRT engine is damaged, or was built for another model, TensorRT or GPU."""


class RequestInvalid(PokeganError, ValueError):
    """A request asks for a seed, a stage, a model or a number of pictures that there cannot be."""


class JobFailed(PokeganError, RuntimeError):
    """A part of a job failed on another machine, or there is no machine for it."""


class PictureInvalid(PokeganError, ValueError):
    """A file is no picture, or does not tell how it was made."""


class RunFailed(PokeganError, RuntimeError):
    """A network was loaded, but could not be run."""


class EndpointFailed(PokeganError, RuntimeError):
    """A language model's endpoint cannot be used, did not answer, or answered something that cannot be used."""


class DexInvalid(PokeganError, ValueError):
    """A dex.json is none, so that nothing can be added to it."""


class ServeInvalid(PokeganError, ValueError):
    """A server cannot be started as it was asked to: an origin that is none, no key, or a port that is taken."""
