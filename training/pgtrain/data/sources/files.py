"""Finding image files, and the names that files and folders give to what they show."""

import os
from pathlib import Path

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"))


def find_images(folder: Path) -> list[Path]:
    """List the image files under `folder` at any depth, sorted; hidden ones and those of __MACOSX left out."""
    return sorted(path for path in folder.rglob("*") if _is_image(path) and not _hidden(path.relative_to(folder)))


def holds_images(folder: Path) -> bool:
    """Tell whether an image lies directly in `folder`."""
    return any(_is_image(path) and not _hidden(path.relative_to(folder)) for path in folder.iterdir())


def find_folders(folder: Path) -> list[Path]:
    """List the folders directly in `folder`, sorted, without the hidden ones."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not _hidden(path.relative_to(folder)))


def spoken(name: str) -> str:
    """Read a file's or folder's name as a text: underscores are spaces, bytes that are no UTF-8 become U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace").replace("_", " ").strip() or name


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _hidden(relative: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in relative.parts)
