"""Optional dependencies: a failed import becomes the pip command that fixes it."""

from collections.abc import Iterator
from contextlib import contextmanager

from pokegan.errors import MissingExtra

OWN_PACKAGES = ("pokegan", "pgen", "pgbench", "pgexport", "pgtrain")


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Turn a failed import of a third-party package inside the block into :class:`MissingExtra`.

    Raises:
        MissingExtra: a package of `extra` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package in OWN_PACKAGES or not package:
            raise
        raise MissingExtra(package, extra) from error
