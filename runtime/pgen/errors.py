"""Errors of pgen; the subclasses let the command line add a hint, see :data:`pgen.cli.HINTS`."""

from pathlib import Path
from typing import Any

from pokegan.errors import PokeganError


class BundleNotFound(PokeganError, FileNotFoundError):
    """A bundle, or a file or a model of it, is missing."""


class BundleInvalid(PokeganError, ValueError):
    """A bundle is damaged, or of a format that this version does not read."""


class OtherBundle(BundleInvalid):
    """A file was generated with another bundle."""


class PromptInvalid(PokeganError, ValueError):
    """A prompt is empty, too long, or has control characters; or prompts cannot be read."""


class NoPrompt(PromptInvalid):
    """Neither prompts nor a file of prompts are given."""


class StdinClosed(PromptInvalid):
    """Prompts are to be read from a standard input that is closed."""


class OutputInvalid(PokeganError, ValueError):
    """An output path, format, size or background cannot be used."""


class OutputIsFolder(OutputInvalid):
    """The path of an output file is a folder."""


class OutputTooLarge(OutputInvalid):
    """A grid or an animation would have too many pixels."""


class OutputDiffers(OutputInvalid):
    """A resumed job would skip a file that was made with other settings."""


class ShardsExist(OutputInvalid):
    """A new job would overwrite shards."""


class DeviceUnavailable(PokeganError, RuntimeError):
    """The requested device cannot run the model; there is no silent fallback."""


class EngineInvalid(PokeganError, ValueError):
    """A TensorRT engine is damaged, or was built for another model, TensorRT or GPU."""


class EngineOutdated(EngineInvalid):
    """An engine must be built again, with `options` (:class:`pgen.bundle.engines.EngineOptions`) into `folder`."""

    def __init__(self, message: str, folder: Path, options: Any) -> None:
        super().__init__(f"{message}; build the engine again")
        self.folder, self.options = folder, options


class EngineNotFound(BundleNotFound):
    """A bundle has no engine; the attributes are those of :class:`EngineOutdated`."""

    def __init__(self, message: str, folder: Path, options: Any) -> None:
        super().__init__(f"{message}; build the engine")
        self.folder, self.options = folder, options


class RequestInvalid(PokeganError, ValueError):
    """A seed, stage, model, number of pictures or another parameter of a request is invalid."""


class SeedsConflict(RequestInvalid):
    """Both a list of seeds and a number of pictures or a first seed are given."""


class PromptNotRead(RequestInvalid):
    """A prompt is given to a model that reads no text."""


class ModelDoesNotMix(RequestInvalid):
    """Colors, a shiny or a fusion are requested of a model that cannot mix what it read for several texts."""


class SeveralPictures(RequestInvalid):
    """Several pictures are to be written to one file."""


class EqualEnds(RequestInvalid):
    """Both ends of a morph are the same picture."""


class JobFailed(PokeganError, RuntimeError):
    """A part of a job failed on another machine, or no machine can run it."""


class PictureInvalid(PokeganError, ValueError):
    """A file is not a picture, or has no valid metadata of pgen."""


class PictureNotFound(PictureInvalid, FileNotFoundError):
    """A file that should be a picture of pgen is missing."""


class RunFailed(PokeganError, RuntimeError):
    """A network was loaded, but its run failed."""


class EndpointFailed(PokeganError, RuntimeError):
    """The endpoint of a language model cannot be used, did not answer, or sent an invalid answer."""


class EndpointWithoutModel(EndpointFailed):
    """The endpoint of a language model lists no models, and none is named."""


class DexInvalid(PokeganError, ValueError):
    """An existing dex.json cannot be read, so that nothing can be added to it."""


class ServeInvalid(PokeganError, ValueError):
    """A server cannot be started as configured: an invalid origin, no key, or a port that is in use."""
