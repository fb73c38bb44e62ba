"""Finding image files, the texts and names that belong to them, and the cache of extracted ones."""

import os
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pokegan.extras import needs_extra

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"))
CAPTIONS = (".txt", ".caption")
"""Suffixes of a text file beside an image of the same stem: its captions, one a line."""

RECORD_FILES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
"""Names of a file of records beside images, in any case; the first of them in a folder is read."""


class Scan(NamedTuple):
    """The image files under a folder, sorted, and what was `skipped`, with the reason."""

    images: list[Path]
    skipped: tuple[str, ...]


def cache_folder(*names: str) -> Path:
    """Name a folder in the user's cache, ``~/.cache/pokegan`` on Linux, without making it."""
    with needs_extra("data"):
        from platformdirs import user_cache_path
    return user_cache_path("pokegan").joinpath(*names)


def scan(folder: Path, without: Path | None = None) -> Scan:
    """Find the image files under `folder` at any depth, also behind symbolic links.

    Hidden files, those of __MACOSX, the runs of pgtrain and the folder `without` are left out.
    """
    skipped: list[str] = []
    images, texts, others = [], [], Counter[str]()
    for path in _walk(folder, skipped, without):
        if not path.is_file():
            skipped.append(f"{path.relative_to(folder)}: a broken link")
        elif _is_image(path):
            images.append(path)
        elif path.suffix.lower() in CAPTIONS:
            texts.append(path)
        elif path.name.lower() not in RECORD_FILES:
            others[path.suffix.lower() or "no suffix"] += 1
    captioned = {path.with_suffix("") for path in images}
    others.update(path.suffix.lower() for path in texts if path.with_suffix("") not in captioned)
    if others:
        kinds = ", ".join(f"{kind} ({count:,})" for kind, count in others.most_common(5))
        skipped.append(f"{others.total():,} files that are not images: {kinds}")
    return Scan(sorted(images), tuple(skipped))


def find_metadata(folder: Path) -> list[Path]:
    """List the RECORD_FILES under `folder`, sorted."""
    return sorted(path for path in _walk(folder, []) if path.name.lower() in RECORD_FILES and path.is_file())


def holds_images(folder: Path) -> bool:
    """Tell whether an image lies directly in `folder`."""
    return any(_is_image(path) and not _hidden(path.name) for path in folder.iterdir())


def find_folders(folder: Path) -> list[Path]:
    """List the folders directly in `folder`, sorted, without the hidden ones and those of runs."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not _hidden(path.name) and not is_runs(path))


def is_runs(folder: Path) -> bool:
    """Tell whether `folder` is a run of pgtrain, whose grids are not data, or holds nothing but runs."""
    if _is_run(folder):
        return True
    try:
        inner = [path for path in folder.iterdir() if not _hidden(path.name)]
    except OSError:
        return False
    return bool(inner) and all(_is_run(path) for path in inner)


def spoken(name: str) -> str:
    """Read a file's or folder's name as text: underscores become spaces, bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace").replace("_", " ").strip() or name


def written_captions(image: Path) -> tuple[str, ...]:
    """Read the captions in the text file beside `image`, one a line; none where there is no such file."""
    beside = _listing(image.parent)
    for suffix in CAPTIONS:
        if name := beside.get(f"{image.stem}{suffix}".lower()):
            text = (image.parent / name).read_text("utf-8-sig", "replace")
            return tuple(line.strip() for line in text.splitlines() if line.strip())
    return ()


def find_ignoring_case(folder: Path, name: str) -> Path | None:
    """Find the file `name`, a relative path, below `folder`: with its exact name, or else in another case."""
    path = folder / name
    if path.is_file():
        return path
    path = folder
    for part in Path(name.replace("\\", "/")).parts:
        actual = ".." if part == ".." else _listing(path).get(part.lower())
        if actual is None:
            return None
        path = path / actual
    return path if path.is_file() else None


def named_by_captions(name: str, texts: tuple[str, ...], fallback: str) -> tuple[str, str, tuple[str, ...]]:
    """Choose a record's name, text and further texts; without a name, the first caption becomes the name."""
    name, *rest = (name, *texts) if name else (texts or (fallback,))
    return name, rest[0] if rest else "", tuple(rest[1:])


def _walk(folder: Path, skipped: list[str], without: Path | None = None) -> Iterator[Path]:
    def note(error: OSError) -> None:
        skipped.append(f"{error.filename}: cannot be read ({error.strerror})")

    seen = {os.path.realpath(folder)}
    for path, folders, files in os.walk(folder, onerror=note, followlinks=True):
        here = Path(path)
        runs = {name for name in folders if is_runs(here / name)}
        skipped.extend(f"{(here / name).relative_to(folder)}: runs of pgtrain" for name in sorted(runs))
        folders[:] = [name for name in folders if not _hidden(name) and name not in runs and here / name != without]
        for name in list(folders):  # a link may lead to a folder above it
            real = os.path.realpath(here / name)
            if (here / name).is_symlink() and real in seen:
                folders.remove(name)
            seen.add(real)
        yield from (here / name for name in files if not _hidden(name))


@cache
def _cached_listing(folder: Path, changed: int) -> dict[str, str]:
    return {path.name.lower(): path.name for path in sorted(folder.iterdir())}


def _listing(folder: Path) -> dict[str, str]:
    """Map the lower-case names in `folder` to the actual ones; listed anew when the folder has changed."""
    try:
        return _cached_listing(folder, folder.stat().st_mtime_ns)
    except OSError:
        return {}


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _is_run(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file() and (folder / "grids").is_dir()
    except OSError:  # no permission to read the folder
        return False


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
