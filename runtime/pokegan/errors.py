"""The root of the error tree: plain exceptions with a code. A command line and HTTP each add their own hint."""

import errno
from typing import Any, ClassVar

EXIT_CODE = 2
"""Exit code of every error that a user can fix, unless its class has an `exit_code`."""

# Windows has no quota.
FULL = tuple(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO") if hasattr(errno, name))
"""Errors of a full disk or quota."""

FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Errors of missing permissions."""

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

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling, for other processes: classes differ in the arguments of their `__init__`."""
        return _restored, (type(self), self.message, self.__dict__)


def _restored(kind: type[PokeganError], message: str, attributes: dict[str, Any]) -> PokeganError:
    base: Any = kind.__base__
    error: PokeganError = base.__new__(kind, message)  # kind's own may be that of another built-in error
    PokeganError.__init__(error, message)
    error.__dict__.update(attributes)
    return error


class MissingExtra(PokeganError, ImportError):
    """A package of one of the optional extras is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; install it with: pip install 'pokegan[{extra}]'")


def one_line(error: object, limit: int = MAX_REASON) -> str:
    """Join an error's message into one line of at most `limit` characters; its type's name if it has no message.

    A KeyError's message is the key alone: it becomes "no field 'key'". Control characters, with which a damaged file
    could steer the terminal, become question marks.
    """
    if type(error) is KeyError:
        error = f"no field {error}"
    message = " ".join(str(getattr(error, "message", None) or error).split())
    return "".join(sign if sign.isprintable() else "?" for sign in message[:limit]) or type(error).__name__


def write_remedy(error: Exception) -> str:
    """Return the remedy for a file that could not be written."""
    code = getattr(error, "errno", None)
    if code in FORBIDDEN:
        return "fix its permissions"
    if isinstance(error, ValueError) or code not in (*FULL, None):  # ValueError: a null byte in the name
        return "check its name"
    return "free space"  # libraries report a full disk in words of their own, without a number


def last_line(output: str) -> str:
    """Return the line in which another process said why it failed: the last that it printed."""
    return (output.strip().splitlines() or ["it printed no error"])[-1]
