"""The root of the error tree: plain exceptions with a code. A command line and HTTP each add their own hint."""

from typing import ClassVar

MAX_REASON = 200
"""Characters of another library's error that fit into a message of one line."""


class PokeganError(Exception):
    """Base of all errors that a user can fix; subclasses also derive from the fitting builtin.

    Attributes:
        message: one line that names the thing, what is wrong, and the remedy.
        code: the class's name in snake case, such as "bundle_not_found", for programs.
    """

    code: ClassVar[str] = "pokegan_error"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in cls.__name__)[1:]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class MissingExtra(PokeganError, ImportError):
    """A package of one of the optional extras is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; install it with: pip install 'pokegan[{extra}]'")


def one_line(error: BaseException, limit: int = MAX_REASON) -> str:
    """Join an error's message into one line of at most `limit` characters; its type's name if it has no message."""
    message = " ".join(str(getattr(error, "message", None) or error).split())
    return (message or type(error).__name__)[:limit]
