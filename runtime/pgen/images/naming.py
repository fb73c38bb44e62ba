"""Names of files, checks of output paths, and atomic writes."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pgen.errors import OutputInvalid, OutputIsFolder
from pgen.request import Request
from pokegan.errors import PokeganError, write_remedy
from pokegan.files import atomic_path, is_read_only, is_stream, target_of

RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
"""Device names, which Windows reserves with any extension."""


def check_file(path: Path, formats: Iterable[str], default: str | None = None) -> str:
    """Check that a file can be written to `path` and return its format, one of `formats`, by its extension.

    A device or a pipe may have no extension; its format is `default`, if that is given.

    Raises:
        OutputInvalid: unknown extension, missing folder, or not writable.
    """
    _check_no_folder(path)
    format = path.suffix.lower().removeprefix(".").replace("jpg", "jpeg")
    if not format and default and is_stream(path):
        return default
    if format not in formats:
        known = " or ".join(f".{name}" for name in formats)
        raise OutputInvalid(f"{path}: unknown extension {path.suffix or '(none)'}; end the name with {known}")
    check_path(path)
    return format


def check_path(path: Path) -> None:
    """Check that a file can be written to `path`, whatever its extension.

    Raises:
        OutputInvalid: it cannot be written.
    """
    if os.name == "nt" and RESERVED.match(path.name):
        raise OutputInvalid(f"{path}: Windows reserves this name for a device; choose another")
    _check_no_folder(path)
    if is_stream(path):
        return
    target = target_of(path)
    if is_read_only(target):
        raise OutputInvalid(f"{path}: is read-only; choose another file, or make it writable")
    if not os.path.exists(target):  # noqa: PTH110 (as above)
        _check_folder(target.parent)


def _check_no_folder(path: Path) -> None:
    if os.path.isdir(path):  # noqa: PTH112 (pathlib's raises where the name is too long)
        raise OutputIsFolder(f"{path}: is a folder; name a file in it")


def check_folder(path: Path) -> Path:
    """Create the folder `path` if it is missing (its parent must exist), check that it is writable, and return it.

    Raises:
        OutputInvalid: it cannot be created, or is not writable.
    """
    if not os.path.exists(path):  # noqa: PTH110 (as above)
        _check_folder(path.parent)
        try:
            path.mkdir(exist_ok=True)  # another process may create it at the same time
        except (OSError, ValueError) as error:
            raise OutputInvalid(f"{path}: cannot be created ({_reason(error)}); choose another path") from error
    _check_folder(path)
    return path


def _check_folder(folder: Path) -> None:
    if not os.path.exists(folder):  # noqa: PTH110 (as above)
        raise OutputInvalid(f"{folder}: no such folder; create it first")
    if not folder.is_dir():
        raise OutputInvalid(f"{folder}: is not a folder; choose another path")
    if is_read_only(folder):
        raise OutputInvalid(f"{folder}: not writable; choose another folder, or fix its permissions")


def write(path: Path, content: bytes) -> None:
    """Write `content` as :func:`writing` does.

    Raises:
        OutputInvalid: as there.
    """
    with writing(path) as file:
        file.write(content)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file, which becomes `path` at the end as :func:`pokegan.files.atomic_path` says.

    Raises:
        OutputInvalid: the disk is full, or `path` is not writable. After any error in the block the temporary file is
            removed, and `path` keeps its content.
    """
    try:
        with atomic_path(path) as hidden, hidden.open("xb") as file:
            yield file
    except PokeganError:  # may derive from OSError or ValueError, and says more
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError | ValueError) -> OutputInvalid:
    """Return the error that says why `path` could not be written."""
    if not isinstance(error, FileNotFoundError):
        remedy = f"{write_remedy(error)}, or choose another path"
    elif os.path.isdir(target_of(path).parent):  # noqa: PTH112 (as above)
        remedy = "its folder takes no new files; choose another"  # as /proc
    else:
        remedy = "its folder was removed; create it again"
    return OutputInvalid(f"{path}: cannot be written ({_reason(error)}); {remedy}")


def remove(path: Path) -> None:
    """Remove a file if it exists."""
    with suppress(OSError, ValueError):  # its folder was removed, or cannot be reached
        path.unlink(missing_ok=True)


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


class Namer:
    """Names a file for each request: readable, safe on every system, and the same in every run.

    A name has the prompt (or the model), the seed, and what else is not the default. Equal
    requests share a name, because they are one picture; others never do, not even on systems that ignore case.

    >>> Namer()(Request("a red fire dragon", 7), "png")
    'a-red-fire-dragon_7.png'
    """

    def __init__(self) -> None:
        self._spellings: dict[str, str] = {}
        """Prompts of a single word by slug: only these may share a slug. Jobs have few different ones."""

    def __call__(self, request: Request, extension: str) -> str:
        """Name the file of `request`."""
        slug = _slug(request.prompt)
        if "-" not in slug and self._spellings.setdefault(slug, request.prompt) != request.prompt:
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
    parts += [f"with-{_slug(parent)}-{_digest(parent)[:6]}" for parent in request.fused]
    if request.shiny:
        parts.append("shiny")
    if request.colors:
        parts.append(f"in-{_slug(request.colors)}-{_digest(request.colors)[:6]}")
    return "_".join(part for part in parts if part)


def _slug(text: str) -> str:
    """Keep a text's ASCII letters and digits; if more than the case of a single word is lost, append a digest."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].strip("-")
    if slug.replace("-", " ") == (text if " " in text else text.lower()):
        return slug
    return f"{slug or 'picture'}-{_digest(text)}"


def _digest(text: str) -> str:
    # 48 bits: a hundred thousand prompts without Latin letters share a slug
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def unused_path(path: Path) -> Path:
    """Return `path` if no such file exists, otherwise the first of PATH_2, PATH_3, ... before its extension."""
    number, candidate = 1, path
    while os.path.exists(candidate):  # noqa: PTH110 (pathlib's raises where the name is too long)
        number += 1
        candidate = path.with_name(f"{path.stem}_{number}{path.suffix}")
    return candidate
