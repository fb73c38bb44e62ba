"""The root of the error tree. Every error that a user can mend is one line and exit code 2."""

import click


class PokeganError(click.ClickException):
    """Base of all errors that a user can mend: the message names the thing, what is wrong, and the mend.

    It is a :class:`click.ClickException`, so that a command line prints it as one line and exits with
    `exit_code`; its subclasses also derive from the builtin that fits.
    """

    exit_code = 2


class MissingExtra(PokeganError, ImportError):
    """A package of one of the optional extras is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; mend it with: pip install 'pokegan[{extra}]'")
