"""Metadata of files: what made them, written into each and read back.

Files come from strangers, so everything that is read is checked.
"""

import json
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from pgen.bundle.reader import Bundle
from pgen.errors import BundleInvalid, PictureInvalid
from pgen.images.encoders import DESCRIPTION
from pgen.images.postprocess import FORMATS, MAX_GRID, Finish
from pgen.latents import MAX_SEED
from pgen.request import Request, choose_seeds, pattern, requests
from pgen.text_encoder import check_prompt
from pokegan import __version__
from pokegan.errors import PokeganError

VARIATIONS = 8
"""Variations of a picture where nobody says how many."""

MAX_FILE = 2**28
"""Bytes that a file may have to be read; the largest grids come nowhere near."""


@dataclass(frozen=True)
class Made:
    """How a file was made.

    Attributes:
        requests: of its picture, or of all the pictures of a grid.
        finish: as it was, with the file's own format.
        bundle: digest of the bundle, SHA-256 in hex.
        grid: is it a grid?
        columns: of the grid; None for as square as can be.
    """

    requests: tuple[Request, ...]
    finish: Finish
    bundle: str
    grid: bool = False
    columns: int | None = None


def read_made(path: str | Path) -> Made:
    """Read how `path` was made; its pixels are not decoded.

    Raises:
        PictureInvalid: it is no picture, too large, or does not tell, or tells what cannot be.
    """
    path = Path(path)
    format, told = read_facts(path)
    if "dex" in told:
        raise PictureInvalid(
            f"{path}: is a card of pgen dex; pgen dex --seed makes it again, from its seed in dex.json"
        )
    if not {"seed", "bundle"} <= told.keys() and not {"grid", "bundle"} <= told.keys():
        raise PictureInvalid(
            f"{path}: does not tell how it was made; only pictures and grids of pgen, unedited, do, not films"
        )
    try:
        return _made(told, format)
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        reason = error.message if isinstance(error, PokeganError) else repr(error)
        raise PictureInvalid(f"{path}: tells how it was made, but wrongly ({_plain(reason)})") from error


def read_facts(path: Path) -> tuple[str, dict[str, str]]:
    """Find the format and the facts of a file, unchecked; without any, an empty dictionary.

    Raises:
        PictureInvalid: it is no picture, or too large.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise PictureInvalid(f"{path}: larger than {MAX_FILE:,} bytes, which no picture of pgen is")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of many pixels: none is decoded
            with Image.open(path, formats=[format.upper() for format in FORMATS]) as image:
                return (image.format or "").lower(), _texts(image)
    except PictureInvalid:
        raise
    except OSError as error:
        reason = error.strerror or "it is neither PNG, WebP nor GIF"
        raise PictureInvalid(f"{path}: cannot be read ({reason})") from error
    except Exception as error:  # whatever Pillow raises for damage
        raise PictureInvalid(f"{path}: damaged ({_plain(str(error))})") from error


def _plain(reason: str) -> str:
    """Keep what a stranger wrote from steering the terminal."""
    return "".join(character if character.isprintable() else "?" for character in reason[:200])


def _texts(image: Image.Image) -> dict[str, str]:
    if image.format == "PNG":
        found: Any = image.info
    else:
        told = image.getexif().get(DESCRIPTION, "{}") if image.format == "WEBP" else image.info.get("comment", b"{}")
        try:
            found = json.loads(told)
        except (ValueError, RecursionError):
            return {}  # another program's remark
    if not isinstance(found, dict):
        return {}
    return {key: str(value) for key, value in found.items() if isinstance(key, str) and isinstance(value, str)}


def _made(told: dict[str, str], format: str) -> Made:
    if not re.fullmatch(r"[0-9a-f]{64}", told["bundle"]):
        raise ValueError("the bundle's digest is none")
    if not re.fullmatch(r"[\w.-]{1,100}", told.get("model", "stackgan")):
        raise ValueError("the model's name is none")
    like = pattern(told.get("model"), float(told.get("truncation", "1")), _number(told.get("stage")))
    size = _number(told.get("size"))
    finish = Finish(size, told.get("resample", "lanczos"), told.get("background", "transparent"), format)
    if "grid" not in told and "prompt" not in told and "model" not in told:
        raise ValueError("it names neither prompt nor model")
    if "grid" not in told:
        return Made(tuple(_requests([[told.get("prompt", ""), _number(told["seed"])]], like)), finish, told["bundle"])
    grid = json.loads(told["grid"])
    columns, pictures = grid["columns"], grid["pictures"]
    if columns is not None and not (type(columns) is int and 1 <= columns <= MAX_GRID):
        raise ValueError("the grid's columns are none")
    if not 1 <= len(pictures) <= MAX_GRID:
        raise ValueError("the grid has no pictures, or too many")
    return Made(tuple(_requests(pictures, like)), finish, told["bundle"], True, columns)


def _requests(pictures: list[list[Any]], like: Request) -> list[Request]:
    """Check prompts and seeds; an empty prompt is one of a model that reads none."""
    found: list[Request] = []
    for prompt, seed in pictures:
        if type(seed) is not int or not isinstance(prompt, str):
            raise ValueError("a picture's prompt is no text, or its seed no number")
        found += requests([check_prompt(prompt) if prompt else ""], [seed], like)
    return found


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,20}", text, re.ASCII):
        raise ValueError(f"{text[:40]!r} is no number")
    return int(text)


def made_with(path: Path, bundle: Bundle) -> Made:
    """Read how `path` was made, and check that it was with `bundle`.

    Raises:
        PictureInvalid: as :func:`read_made`.
        BundleInvalid: it was with another.
    """
    made = read_made(path)
    if made.bundle != bundle.digest:
        raise BundleInvalid(
            f"{path}: was drawn with bundle {made.bundle[:12]}, but {bundle.folder} is {bundle.digest[:12]}; "
            "name the folder of that bundle with --bundle, or draw the prompt anew with pgen image"
        )
    return made


def variation_requests(
    path: Path,
    bundle: Bundle,
    n: int | None = None,
    seed: int | None = None,
    seeds: str | Iterable[int] | None = None,
) -> list[Request]:
    """Ask for the picture of a file with other seeds; where none are given, the VARIATIONS that follow its own.

    Raises:
        PictureInvalid: it does not tell how it was made, or is a grid.
        BundleInvalid: another bundle drew it.
        RequestInvalid: see :func:`pgen.request.choose_seeds`.
    """
    made = made_with(path, bundle)
    if made.grid:
        raise PictureInvalid(f"{path}: is a grid; name a file of one picture, or draw with pgen image")
    (request,) = made.requests
    if request.prompt and request.model == bundle.name("text-to-image"):
        request = replace(request, model=None)  # as it was most likely asked for, and shorter in names of files
    chosen = choose_seeds(n, seed, seeds, usual=(VARIATIONS, (request.seed + 1) % (MAX_SEED + 1)))
    return [replace(request, seed=other) for other in chosen]


def facts(request: Request, bundle: Bundle, finish: Finish) -> dict[str, str]:
    """List what made a picture, for the text chunks of its PNG."""
    return _told({"prompt": request.prompt, "seed": request.seed} | _common(request, bundle, finish))


def grid_facts(wanted: Sequence[Request], columns: int | None, bundle: Bundle, finish: Finish) -> dict[str, str]:
    """List what made a grid: prompt and seed of every picture, and what they share."""
    pictures = [[request.prompt, request.seed] for request in wanted]
    told = {"grid": json.dumps({"columns": columns, "pictures": pictures}, ensure_ascii=False)}
    return told | _told(_common(wanted[0], bundle, finish))


def _common(request: Request, bundle: Bundle, finish: Finish) -> dict[str, object]:
    return {
        "model": model_name(request, bundle),
        "truncation": float(request.truncation),
        "stage": request.stage,
        "size": finish.size,
        "resample": finish.resample,
        "background": finish.background,
        "bundle": bundle.digest,
        "Software": f"pokegan {__version__}",
    }


def _told(values: dict[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items() if value not in (None, "")}


def model_name(request: Request, bundle: Bundle) -> str:
    """Name the model that draws `request`; empty where only the caller knows, since no prompt tells its kind."""
    return request.model or (bundle.name("text-to-image") if request.prompt else "")
