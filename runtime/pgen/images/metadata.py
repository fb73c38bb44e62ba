"""Metadata of picture files: everything that a picture was generated from, written into its file and read back.

Files come from strangers, so everything that is read is validated.
"""

import json
import re
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from pgen.bundle.reader import Bundle, Model
from pgen.errors import OtherBundle, PictureInvalid, PictureNotFound
from pgen.images.encoders import DESCRIPTION
from pgen.images.postprocess import FORMATS, MAX_GRID, Postprocess
from pgen.prompts import check_prompt
from pgen.request import Request, request_template, requests
from pokegan import __version__
from pokegan.errors import FORBIDDEN, PokeganError, one_line

MAX_FILE = 2**28
"""Largest file that is read, in bytes; the largest grids are far smaller."""

MAGIC = (b"\x89PNG", b"GIF8", b"\xff\xd8\xff")
"""First bytes of PNG, GIF and JPEG files."""

ANEW = "use an undamaged copy, or generate it anew"

Fields = dict[str, str]
"""Metadata as it is stored: the text chunks of a PNG, or JSON in the other formats."""


@dataclass(frozen=True)
class Metadata:
    """What a file was generated from.

    Attributes:
        requests: the request of its picture, or of every picture of a grid.
        postprocess: how its pixels were processed, with the file's format.
        bundle: digest of the bundle, SHA-256 in hex.
        grid: whether the file is a grid.
        columns: columns of the grid; None for the default layout.
        backend: the backend that drew it, with its version; empty if the file does not name it.
    """

    requests: tuple[Request, ...]
    postprocess: Postprocess
    bundle: str
    grid: bool = False
    columns: int | None = None
    backend: str = ""


def picture_fields(request: Request, bundle: Bundle, postprocess: Postprocess, backend: str = "") -> Fields:
    """List the metadata of a picture."""
    own = {"prompt": request.prompt, "seed": request.seed} | _name(request)
    return _texts(own | _common(request, bundle, postprocess, backend))


def describe_request(request: Request) -> dict[str, Any]:
    """Describe a request, ready for JSON: prompt, seed, and whatever is not the default."""
    fused = {"fused": [*request.fused]} if request.fused else {}
    further = {name: value for name in ("colors", "shiny") if (value := getattr(request, name))}
    return {"prompt": request.prompt, "seed": request.seed} | fused | _name(request) | further


def _name(request: Request) -> dict[str, object]:
    """Return the name of a fusion, as a field; none for other pictures."""
    if not request.fused:
        return {}
    from pgen.images.fusion import fusion_name  # few pictures are fusions

    return {"name": fusion_name(request)}


def grid_fields(
    requests: Sequence[Request], columns: int | None, bundle: Bundle, postprocess: Postprocess, backend: str = ""
) -> Fields:
    """List the metadata of a grid: prompt and seed of every picture, and what all pictures share."""
    pictures = [[request.prompt, request.seed] for request in requests]
    grid = {"grid": json.dumps({"columns": columns, "pictures": pictures}, ensure_ascii=False)}
    return grid | _texts(_common(requests[0], bundle, postprocess, backend))


def _common(request: Request, bundle: Bundle, postprocess: Postprocess, backend: str) -> dict[str, object]:
    return {
        "model": model_name(request, bundle),
        "truncation": float(request.truncation),
        "stage": request.stage,
        "colors": request.colors,
        "fused": json.dumps(request.fused, ensure_ascii=False) if request.fused else "",
        "shiny": request.shiny or "",
        "size": postprocess.size,
        "resample": postprocess.for_model(drawing_model(request, bundle)).resample,
        "background": postprocess.background,
        "bundle": bundle.digest,
        "backend": backend,
        "Software": f"pokegan {__version__}",
    }


def _texts(values: dict[str, object]) -> Fields:
    return {key: str(value) for key, value in values.items() if value not in (None, "")}


def model_name(request: Request, bundle: Bundle) -> str:
    """Name the model that generates `request`; empty if it has neither model nor prompt."""
    return request.model or (bundle.name("text-to-image") if request.prompt else "")


def drawing_model(request: Request, bundle: Bundle) -> Model | None:
    """Find the model that generates `request`; None if it has neither model nor prompt."""
    name = model_name(request, bundle)
    return bundle.manifest.models[name] if name else None


def read_metadata(path: str | Path, bundle: Bundle | None = None, *, sprites: bool = False) -> Metadata:
    """Read the metadata of the file at `path`; its pixels are not decoded.

    Args:
        path: a file that pgen wrote.
        bundle: if given, the file must have been generated with this bundle.
        sprites: whether the file may be a sprite.

    Raises:
        PictureInvalid: the file is not a picture, is too large, or has no or invalid metadata.
        BundleInvalid: it was generated with another bundle.
    """
    path = Path(path)
    format, fields = read_fields(path)
    if sprites:
        fields.pop("sprite", None)
    metadata = _checked(str(path), format, fields)
    if bundle is not None:
        check_bundle(path, metadata.bundle, bundle)
    return metadata


def check_bundle(path: Path, digest: str, bundle: Bundle) -> None:
    """Check that the file at `path`, which the bundle with this digest generated, belongs to `bundle`.

    Raises:
        BundleInvalid: it was generated with another bundle.
    """
    if digest != bundle.digest:
        raise OtherBundle(
            f"{path}: was generated with bundle {digest[:12]}, but {bundle.folder} is {bundle.digest[:12]}; "
            "open the bundle that generated it"
        )


def read_upload(content: bytes) -> Metadata:
    """Read the metadata of a file with this content; errors, as of :func:`read_metadata`, call it "image"."""
    return _checked("image", *_opened("image", BytesIO(content)))


def _checked(path: str, format: str, fields: Fields) -> Metadata:
    if "dex" in fields:
        raise PictureInvalid(f"{path}: is a card of a dex; use a picture")
    if "sprite" in fields:
        raise PictureInvalid(f"{path}: is a sprite; use a picture")
    if not {"seed", "bundle"} <= fields.keys() and not {"grid", "bundle"} <= fields.keys():
        raise PictureInvalid(
            f"{path}: has no metadata of pgen; only unedited pictures, grids, cards, sheets and sprites have it, "
            "animations do not"
        )
    try:
        return _parse(fields, format)
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        reason = error.message if isinstance(error, PokeganError) else repr(error)
        raise PictureInvalid(f"{path}: has invalid metadata ({one_line(reason)})") from error


def read_fields(path: Path) -> tuple[str, Fields]:
    """Read the format and the unvalidated metadata of a file; an empty dictionary if it has none.

    Raises:
        PictureNotFound: the file is missing.
        PictureInvalid: the file is not a picture, damaged, or too large.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise PictureInvalid(f"{path}: larger than {MAX_FILE:,} bytes, so it is not a picture of pgen")
    except OSError as error:
        raise _unreadable(str(path), error) from error
    return _opened(str(path), path)


def _opened(name: str, file: Path | BytesIO) -> tuple[str, Fields]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the number of pixels: none is decoded
            with Image.open(file, formats=[format.upper() for format in FORMATS]) as image:
                return (image.format or "").lower(), _stored_fields(image)
    except OSError as error:
        if error.errno is None:  # Pillow's own, which does not say whether the file is damaged
            raise PictureInvalid(f"{name}: {_fault(file)}") from error
        raise _unreadable(name, error) from error
    except Exception as error:  # Pillow raises any kind for damaged files
        raise PictureInvalid(f"{name}: damaged ({one_line(error)}); {ANEW}") from error


def _unreadable(name: str, error: OSError) -> PictureInvalid:
    if isinstance(error, FileNotFoundError):
        return PictureNotFound(f"{name}: no such file; name a picture that pgen wrote")
    if isinstance(error, IsADirectoryError):
        return PictureInvalid(f"{name}: is a folder; name a picture in it")
    remedy = "fix its permissions" if error.errno in FORBIDDEN else "use a picture that pgen wrote"
    return PictureInvalid(f"{name}: cannot be read ({error.strerror}); {remedy}")


def _fault(file: Path | BytesIO) -> str:
    """Return why Pillow cannot read a file; a damaged picture still begins as one."""
    if isinstance(file, Path) and not file.is_file():
        return "is not a regular file; use a picture that pgen wrote"  # a pipe, which cannot be read again
    with nullcontext(file) if isinstance(file, BytesIO) else file.open("rb") as stream:
        stream.seek(0)
        head = stream.read(12)
    if not head:
        return f"is empty; {ANEW}"
    if head.startswith(MAGIC) or (head[:4] == b"RIFF" and head[8:] == b"WEBP"):
        return f"is damaged or cut off; {ANEW}"
    return "is neither PNG, WebP, GIF nor JPEG; use a picture that pgen wrote"


def _stored_fields(image: Image.Image) -> Fields:
    if image.format == "PNG":
        stored: Any = image.info
    else:
        in_exif = image.format in ("WEBP", "JPEG")
        text = image.getexif().get(DESCRIPTION, "{}") if in_exif else image.info.get("comment", b"{}")
        try:
            stored = json.loads(text)
        except (ValueError, RecursionError):
            return {}  # a comment of another program
    if not isinstance(stored, dict):
        return {}
    return {key: str(value) for key, value in stored.items() if isinstance(key, str) and isinstance(value, str)}


def _parse(fields: Fields, format: str) -> Metadata:
    if not re.fullmatch(r"[0-9a-f]{64}", fields["bundle"]):
        raise ValueError("invalid digest of the bundle")
    if "model" in fields and not re.fullmatch(r"[\w.-]{1,100}", fields["model"]):
        raise ValueError("invalid name of the model")
    colors = fields.get("colors", "")
    template = request_template(
        fields.get("model"),
        float(fields.get("truncation", "1")),
        _integer(fields.get("stage")),
        check_prompt(colors) if colors else "",
        _is_shiny(fields.get("shiny", "False")),
    )
    template = replace(template, fused=_parents(fields.get("fused", "[]")))
    postprocess = Postprocess(
        _integer(fields.get("size")), fields.get("resample", "lanczos"), fields.get("background", "transparent"), format
    )
    backend = one_line(fields["backend"]) if fields.get("backend") else ""
    is_grid = "grid" in fields
    if not (is_grid or "prompt" in fields or "model" in fields):
        raise ValueError("neither prompt nor model")
    if is_grid:
        grid = json.loads(fields["grid"])
        columns, pictures = grid["columns"], grid["pictures"]
    else:
        columns, pictures = None, [[fields.get("prompt", ""), _integer(fields["seed"])]]
    if columns is not None and not (type(columns) is int and 1 <= columns <= MAX_GRID):
        raise ValueError("invalid columns of the grid")
    if not 1 <= len(pictures) <= MAX_GRID:
        raise ValueError("the grid has no pictures, or too many")
    return Metadata(tuple(_requests(pictures, template)), postprocess, fields["bundle"], is_grid, columns, backend)


def _requests(pictures: list[list[Any]], template: Request) -> list[Request]:
    """Validate prompts and seeds; an empty prompt belongs to a model that reads no text."""
    parsed: list[Request] = []
    for prompt, seed in pictures:
        if type(seed) is not int or not isinstance(prompt, str):
            raise ValueError("the prompt of a picture must be text, and its seed an integer")
        parsed += requests([check_prompt(prompt) if prompt else ""], [seed], template)
    return parsed


def _parents(text: str) -> tuple[str, ...]:
    parents = json.loads(text)
    if not isinstance(parents, list):
        raise ValueError("the parents of a fusion must be a list")
    return tuple(map(check_prompt, parents))


def _is_shiny(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(f"shiny {text[:40]!r}: must be True or False")
    return text == "True"


def _integer(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,20}", text, re.ASCII):
        raise ValueError(f"{text[:40]!r} is not an integer")
    return int(text)
