"""Files that are written whole or not at all, at places that are checked before anything is drawn."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pgen.errors import OutputInvalid
from pgen.request import Request
from pokegan.errors import PokeganError
from pokegan.files import atomic_path

RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
"""Names of devices, which Windows gives to no file, whatever their extension."""


def check_file(path: Path, formats: Iterable[str]) -> str:
    """Check that a file can be written to `path` and return its format, one of `formats`, by its extension.

    Raises:
        OutputInvalid: unknown extension, missing folder, or a place that cannot be written.
    """
    format = path.suffix.lower().removeprefix(".")
    if format not in formats:
        known = " or ".join(f".{name}" for name in formats)
        raise OutputInvalid(f"{path}: unknown extension {path.suffix or '(none)'}; end the name with {known}")
    check_place(path)
    return format


def check_place(path: Path) -> None:
    """Check that a file can be written to `path`, whatever its extension.

    Raises:
        OutputInvalid: it cannot.
    """
    if os.name == "nt" and RESERVED.match(path.name):
        raise OutputInvalid(f"{path}: Windows keeps this name for a device; choose another")
    if os.path.isdir(path):  # noqa: PTH112 (pathlib's raises where the name is too long)
        raise OutputInvalid(f"{path}: is a folder; name a file in it, or use --out-dir")
    _check_folder(path.parent)


def check_folder(path: Path) -> Path:
    """Make the folder `path` if need be (its parent must exist), check that it can be written, and return it.

    Raises:
        OutputInvalid: it cannot be made or written.
    """
    if not os.path.exists(path):  # noqa: PTH110 (as above)
        _check_folder(path.parent)
        try:
            path.mkdir(exist_ok=True)  # another process may have been faster
        except (OSError, ValueError) as error:
            raise OutputInvalid(f"{path}: cannot be made ({_reason(error)}); choose another place") from error
    _check_folder(path)
    return path


def _check_folder(folder: Path) -> None:
    if not os.path.exists(folder):  # noqa: PTH110 (as above)
        raise OutputInvalid(f"{folder}: no such folder; make it first")
    if not folder.is_dir():
        raise OutputInvalid(f"{folder}: is not a folder; choose another place")
    if not os.access(folder, os.W_OK):
        raise OutputInvalid(f"{folder}: cannot be written; choose another place or mend its permissions")


def write(path: Path, content: bytes) -> None:
    """Write `content` as :func:`writing` does.

    Raises:
        OutputInvalid: see there.
    """
    with writing(path) as file:
        file.write(content)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside `path`, which is renamed into place at the end; several processes may do so at once.

    Raises:
        OutputInvalid: the disk is full, or the place cannot be written; nothing is left behind, and what was
            there stays. So it is after any other error in the block.
    """
    try:
        with atomic_path(path) as hidden, hidden.open("xb") as file:
            yield file
    except PokeganError:  # may derive from OSError or ValueError, and says more
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError | ValueError) -> OutputInvalid:
    """Tell why `path` could not be written."""
    gone = isinstance(error, FileNotFoundError)
    mend = "its folder is gone; make it again" if gone else "free space or choose another"
    return OutputInvalid(f"{path}: cannot be written ({_reason(error)}); {mend}")


def remove(path: Path) -> None:
    """Remove a file if it is there."""
    with suppress(OSError, ValueError):  # its folder is gone or out of reach, and the file with it
        path.unlink(missing_ok=True)


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


class Namer:
    """Names a file for each request: readable, safe on every system, and the same in every run.

    A name tells prompt (or model), seed, and truncation and stage where they are not the usual ones. Requests that
    are equal share a name, because they are one picture; no others do, not even where case is ignored.

    >>> Namer()(Request("a red fire dragon", 7), "png")
    'a-red-fire-dragon_7.png'
    """

    def __init__(self) -> None:
        self._spelt: dict[str, str] = {}
        """Single words that were seen, by slug: the only prompts that may share one. Jobs have few different ones."""

    def __call__(self, request: Request, extension: str) -> str:
        """Name the file of `request`."""
        slug = _slug(request.prompt)
        if "-" not in slug and self._spelt.setdefault(slug, request.prompt) != request.prompt:
            slug = f"{slug}-{_digest(request.prompt)}"
        return f"{_stem(slug, request)}.{extension}"


def _stem(slug: str, request: Request) -> str:
    model = _slug(request.model or "")
    # Without a prompt there is no underscore before the seed, so that no prompt can ever give the same name.
    parts = [slug, str(request.seed), model] if slug else [f"{model or 'picture'}-{request.seed}"]
    if request.truncation != 1:
        parts.append(f"t{float(request.truncation)}")
    if request.stage == 1:
        parts.append("stage1")
    return "_".join(part for part in parts if part)


def _slug(text: str) -> str:
    """Keep a text's ASCII letters and digits; where that loses more than a single word's case, add a digest."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].strip("-")
    if slug.replace("-", " ") == (text if " " in text else text.lower()):
        return slug
    return f"{slug or 'picture'}-{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[
        :12
    ]  # 48 bits: a hundred thousand prompts without Latin letters share a slug


def free(path: Path) -> Path:
    """Find a name that no file has yet: `path` itself, or with _2, _3 and so on before its extension."""
    number, found = 1, path
    while os.path.exists(found):  # noqa: PTH110 (pathlib's raises where the name is too long)
        number += 1
        found = path.with_name(f"{path.stem}_{number}{path.suffix}")
    return found
