"""Errors of training."""

from pathlib import Path

from pokegan.errors import PokeganError


class DataNotFound(PokeganError, FileNotFoundError):
    """A data set, or a file that it names, is not there."""


class DataInvalid(PokeganError, ValueError):
    """A data set is there but a record or an image in it cannot be used."""


class EncoderNotFound(PokeganError, FileNotFoundError):
    """The text encoder's weights are not available."""


class FeaturesNotFound(PokeganError, FileNotFoundError):
    """The weights of a feature network are not available."""


class BundleInvalid(PokeganError, ValueError):
    """A bundle cannot be evaluated."""


class RequestInvalid(PokeganError, ValueError):
    """A request is invalid for the generator."""


class FolderMissing(RequestInvalid):
    """No folder for the results was given."""


class RunNotFound(PokeganError, FileNotFoundError):
    """A run folder or its checkpoint is not there."""


class RunInvalid(PokeganError, ValueError):
    """A run folder cannot be used: a damaged checkpoint, or a configuration that does not fit."""


class RunExists(RunInvalid):
    """The folder of a new run holds one already."""


class RunDiffers(RunInvalid):
    """An option differs from that of the run to resume, and cannot change."""


class ConfigInvalid(PokeganError, ValueError):
    """A file of options, or a combination of options, cannot be used."""


class MemoryTooSmall(PokeganError, ValueError):
    """Networks, batches or pictures do not fit into memory."""


class Diverged(PokeganError, ArithmeticError):
    """A loss is no longer a finite number."""


class Interrupted(PokeganError):
    """A signal stopped the training; the checkpoint of the run in `folder` was written first."""

    exit_code = 130  # a shell's code for Ctrl-C

    def __init__(self, folder: Path) -> None:
        super().__init__(f"stopped; the run in {folder} can be resumed")


class ReportedByMain(PokeganError):
    """The main process reports the error; another process raises this one, which prints nothing, and exits."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("")  # the command line prints no empty message
        self.exit_code = exit_code
