"""What can go wrong in export."""

from pokegan.errors import PokeganError


class ParityFailed(PokeganError, ArithmeticError):
    """An exported graph does not give what PyTorch gives; no bundle is written."""

    exit_code = 1  # not the user's input: the export itself failed


class TargetInvalid(PokeganError, FileExistsError):
    """A bundle or a model repository cannot be written where it was asked for."""
