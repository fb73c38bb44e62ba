"""Sprites for games: indexed pictures with 15 colors and as many shiny ones, in the files that a tool reads."""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pgen.bundle.reader import Bundle
from pgen.errors import PictureInvalid, RequestInvalid
from pgen.images.encoders import text_chunks
from pgen.images.metadata import picture_fields, read_fields, read_metadata
from pgen.images.model import PictureModel
from pgen.images.naming import Namer
from pgen.images.postprocess import Postprocess
from pgen.request import Request

SIDE, ICON = 64, 32
"""Pixels a side of a sprite, and of an icon."""

POSTPROCESS = Postprocess(SIDE, "nearest")

COLORS = 15
"""Colors of a palette beside the transparent one, whose index is 0."""

KMEANS = 10
"""Rounds in which Pillow's median cut moves its colors to the means of their pixels."""

Pixels = NDArray[np.uint8]
Files = dict[str, bytes]

Layout = Iterator[tuple[str, Pixels | None, bool]]
"""Files of a sprite: path, indices of a picture or None for a palette, and whether the colors are the shiny ones."""


@dataclass(frozen=True, eq=False)
class Sprite:
    """A sprite.

    Attributes:
        request: what it was drawn from.
        indices: uint8 (SIDE, SIDE), 0 where it is transparent.
        palette: the usual colors, uint8 (1 + COLORS, 3); the first and unused ones are black.
        shiny: colors of the shiny, of the same shape.
        backend: what drew it, see :func:`pgen.backends.registry.describe_session`.
    """

    request: Request
    indices: Pixels
    palette: Pixels
    shiny: Pixels
    backend: str = ""


def draw_sprites(model: PictureModel, requests: Iterable[Request]) -> Iterator[Sprite]:
    """Draw a sprite for each request, from the pictures of stage I where the model has one.

    Raises:
        RequestInvalid: a request is shiny, though each sprite has both palettes, or the model cannot draw shinies.
    """
    for request in requests:
        if request.shiny:
            raise RequestInvalid("a sprite always has the usual and the shiny palette; leave shiny out")
        network = model.find(request.model)
        stage = 1 if len(network.outputs) > 1 else None
        usual = replace(request, stage=stage)
        pictures = model.draw_batch([usual, replace(usual, shiny=True)])
        sprite = quantized(request, *(np.asarray(POSTPROCESS.resize(picture)) for picture in pictures))
        yield replace(sprite, backend=model.backend(network))


def quantized(request: Request, usual: Pixels, shiny: Pixels) -> Sprite:
    """Reduce a picture, uint8 (SIDE, SIDE, 4), to COLORS; the palette of its shiny has the means of the same pixels."""
    opaque = usual[..., 3] >= 128
    indices = np.zeros(opaque.shape, np.uint8)
    palette, shiny_palette = np.zeros((2, 1 + COLORS, 3), np.uint8)
    if opaque.any():
        row = Image.fromarray(np.ascontiguousarray(usual[opaque][None, :, :3]))
        indexed = row.quantize(COLORS, Image.Quantize.MEDIANCUT, kmeans=KMEANS, dither=Image.Dither.NONE)
        indices[opaque] = np.asarray(indexed)[0] + 1
        used = np.array(indexed.getpalette("RGB")).reshape(-1, 3)[:COLORS]
        palette[1 : 1 + len(used)] = used
        for index in np.unique(indices[opaque]):
            shown = (indices == index) & (shiny[..., 3] >= 128)
            shiny_palette[index] = shiny[shown if shown.any() else indices == index][:, :3].mean(0).round()
    return Sprite(request, indices, palette, shiny_palette)


def sprite_files(sprite: Sprite, format: str, bundle: Bundle) -> Files:
    """Encode the files of a sprite by their paths in the folder of the game; `format` is a key of FORMATS."""
    fields = picture_fields(sprite.request, bundle, POSTPROCESS, sprite.backend) | {"sprite": format}
    files: Files = {}
    for path, indices, is_shiny in _FORMATS[format](sprite.indices, Namer()(sprite.request, "").removesuffix(".")):
        palette = sprite.shiny if is_shiny else sprite.palette
        if format == "pokeemerald":
            palette = palette - palette % 8  # the Game Boy Advance has 32 levels of a color channel
        files[path] = (
            _encode_jasc(palette) if indices is None else _encode_png(indices, palette, fields | {"file": path})
        )
    return files


def redraw_sprite(model: PictureModel, path: Path) -> bytes:
    """Draw the sprite of the file at `path` again, and return the content of that file.

    Raises:
        PictureInvalid: the file has no or invalid metadata of a sprite.
        BundleInvalid: it was drawn with another bundle.
    """
    metadata = read_metadata(path, model.bundle, sprites=True)
    _, fields = read_fields(path)
    (sprite,) = draw_sprites(model, metadata.requests)
    files: Files = {}
    for name in (None, sprite.request.model):  # only a model that was named is in the names of files
        named = replace(sprite, request=replace(sprite.request, model=name))
        files |= sprite_files(named, check_format(fields["sprite"]), model.bundle)
    if fields.get("file") not in files:
        raise PictureInvalid(f"{path}: has invalid metadata (its format has no such file); draw the sprite again")
    return files[fields["file"]]


def check_format(format: str) -> str:
    """Check a format and return it.

    Raises:
        RequestInvalid: it is none of FORMATS.
    """
    if format not in FORMATS:
        raise RequestInvalid(f"format {format[:40]}: choose {', '.join(FORMATS)}")
    return format


def _encode_png(indices: Pixels, palette: Pixels, fields: dict[str, str]) -> bytes:
    image, content = Image.fromarray(indices, "P"), io.BytesIO()
    image.putpalette(palette.ravel().tolist())
    image.save(content, "PNG", bits=4, transparency=0, pnginfo=text_chunks(fields))
    return content.getvalue()


def _encode_jasc(palette: Pixels) -> bytes:
    """Encode a palette of Paint Shop Pro, whose lines end with CR LF."""
    colors = [" ".join(map(str, color)) for color in palette.tolist()]
    lines = ["JASC-PAL", "0100", str(len(colors)), *colors]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _pokeemerald(front: Pixels, name: str) -> Layout:
    folder = f"graphics/pokemon/{name.replace('-', '_')}"
    icon = _resized(front, ICON)
    yield f"{folder}/front.png", front, False
    yield f"{folder}/anim_front.png", np.concatenate([front, _lowered(front)]), False
    yield f"{folder}/icon.png", np.concatenate([icon, _lowered(icon)]), False
    yield f"{folder}/normal.pal", None, False
    yield f"{folder}/shiny.pal", None, True


def _essentials(front: Pixels, name: str) -> Layout:
    name = name.replace("-", "_").upper()
    battler = _padded(front, 80).repeat(2, 0).repeat(2, 1)
    small = _resized(front, ICON)
    icon = np.concatenate([small, _lowered(small)], 1).repeat(2, 0).repeat(2, 1)
    for shiny, suffix in ((False, ""), (True, " shiny")):
        yield f"Graphics/Pokemon/Front{suffix}/{name}.png", battler, shiny
        yield f"Graphics/Pokemon/Icons{suffix}/{name}.png", icon, shiny
        yield f"palettes{suffix}/{name}.pal", None, shiny


def _rpgmaker(front: Pixels, name: str) -> Layout:
    face = np.zeros((288, 576), np.uint8)
    face[:144, :144] = _padded(front.repeat(2, 0).repeat(2, 1), 144)
    for shiny, suffix in ((False, ""), (True, "_shiny")):
        yield f"img/enemies/{name}{suffix}.png", front.repeat(3, 0).repeat(3, 1), shiny
        yield f"img/faces/{name}{suffix}.png", face, shiny
        yield f"img/characters/${name}{suffix}.png", np.tile(_resized(front, 48), (4, 3)), shiny
        yield f"img/pictures/{name}{suffix}_icon.png", _resized(front, ICON), shiny
        yield f"palettes/{name}{suffix}.pal", None, shiny


def _png(front: Pixels, name: str) -> Layout:
    for shiny, suffix in ((False, ""), (True, "_shiny")):
        yield f"{name}{suffix}.png", front, shiny
        yield f"{name}{suffix}_icon.png", _resized(front, ICON), shiny
        yield f"{name}{suffix}.pal", None, shiny


def _resized(indices: Pixels, side: int) -> Pixels:
    return np.asarray(Image.fromarray(indices).resize((side, side), Image.Resampling.NEAREST))


def _padded(indices: Pixels, side: int) -> Pixels:
    return np.pad(indices, (side - len(indices)) // 2)


def _lowered(indices: Pixels) -> Pixels:
    """Move a frame down by a pixel: the second frame of sprites and icons that bob."""
    return np.concatenate([np.zeros_like(indices[:1]), indices[:-1]])


_FORMATS: dict[str, Callable[[Pixels, str], Layout]] = {
    "png": _png,
    "pokeemerald": _pokeemerald,
    "essentials": _essentials,
    "rpgmaker": _rpgmaker,
}

FORMATS = tuple(_FORMATS)
"""Formats of sprites; docs/cookbook.md lists their files and sizes."""
