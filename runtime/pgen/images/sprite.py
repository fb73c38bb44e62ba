"""Sprites for games: indexed pictures with 15 colors and as many shiny ones, in the files that a tool reads."""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pgen.bundle.reader import Bundle
from pgen.errors import RequestInvalid
from pgen.images.metadata import picture_fields
from pgen.images.model import PictureModel
from pgen.images.naming import Namer
from pgen.images.postprocess import Postprocess
from pgen.request import Request

SIDE, ICON = 64, 32
"""Pixels a side of a sprite, and of an icon."""

COLORS = 15
"""Colors of a palette beside the transparent one, whose index is 0."""

KMEANS = 10
"""Rounds in which Pillow's median cut moves its colors to the means of their pixels."""

Pixels = NDArray[np.uint8]
Files = dict[str, bytes]


@dataclass(frozen=True, eq=False)
class Sprite:
    """A sprite.

    Attributes:
        request: what it was drawn from.
        indices: uint8 (SIDE, SIDE), 0 where it is transparent.
        palette: the usual colors, uint8 (1 + COLORS, 3); the first and unused ones are black.
        shiny: colors of the shiny, of the same shape.
        backend: what drew it, see :func:`pgen.backends.base.describe_session`.
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
        small = Postprocess(SIDE, "nearest")
        sprite = quantized(request, *(np.asarray(small.resize(picture)) for picture in pictures))
        yield replace(sprite, backend=model.backend(network))


def quantized(request: Request, usual: Pixels, shiny: Pixels) -> Sprite:
    """Reduce a picture, uint8 (SIDE, SIDE, 4), to COLORS; the palette of its shiny has the means of the same pixels."""
    opaque = usual[..., 3] >= 128
    indices = np.zeros(opaque.shape, np.uint8)
    palette, other = np.zeros((2, 1 + COLORS, 3), np.uint8)
    if opaque.any():
        row = Image.fromarray(np.ascontiguousarray(usual[opaque][None, :, :3]))
        indexed = row.quantize(COLORS, Image.Quantize.MEDIANCUT, kmeans=KMEANS, dither=Image.Dither.NONE)
        indices[opaque] = np.asarray(indexed)[0] + 1
        used = np.array(indexed.getpalette("RGB")).reshape(-1, 3)[:COLORS]
        palette[1 : 1 + len(used)] = used
        for index in np.unique(indices[opaque]):
            shown = (indices == index) & (shiny[..., 3] >= 128)
            other[index] = shiny[shown if shown.any() else indices == index][:, :3].mean(0).round()
    return Sprite(request, indices, palette, other)


def sprite_files(sprite: Sprite, format: str, bundle: Bundle) -> Files:
    """Encode the files of a sprite by their paths in the folder of the game; `format` is a key of FORMATS."""
    fields = picture_fields(sprite.request, bundle, Postprocess(), sprite.backend) | {"sprite": format}
    return _FORMATS[format](_Encoder(sprite, fields), Namer()(sprite.request, "").removesuffix("."))


def check_format(format: str) -> str:
    """Check a format and return it.

    Raises:
        RequestInvalid: it is none of FORMATS.
    """
    if format not in FORMATS:
        raise RequestInvalid(f"format {format[:40]}: choose {', '.join(FORMATS)}")
    return format


@dataclass(frozen=True)
class _Encoder:
    sprite: Sprite
    fields: dict[str, str]
    levels: int = 256
    """Of each color channel: the Game Boy Advance has 32."""

    def palette(self, shiny: bool) -> Pixels:
        colors = self.sprite.shiny if shiny else self.sprite.palette
        return colors - colors % (256 // self.levels)

    def png(self, indices: Pixels, shiny: bool = False) -> bytes:
        image = Image.fromarray(indices, "P")
        image.putpalette(self.palette(shiny).ravel().tolist())
        info, content = PngInfo(), io.BytesIO()
        for key, value in self.fields.items():
            info.add_itxt(key, value)
        image.save(content, "PNG", bits=4, transparency=0, pnginfo=info)
        return content.getvalue()

    def jasc(self, shiny: bool) -> bytes:
        """Encode a palette of Paint Shop Pro, whose lines end with CR LF."""
        colors = [" ".join(map(str, color)) for color in self.palette(shiny).tolist()]
        return "".join(f"{line}\r\n" for line in ["JASC-PAL", "0100", str(len(colors)), *colors]).encode()


def _pokeemerald(encoder: _Encoder, name: str) -> Files:
    encoder = replace(encoder, levels=32)
    front = encoder.sprite.indices
    icon = _resized(front, ICON)
    files = {
        "front.png": encoder.png(front),
        "anim_front.png": encoder.png(np.concatenate([front, _lowered(front)])),
        "icon.png": encoder.png(np.concatenate([icon, _lowered(icon)])),
        "normal.pal": encoder.jasc(False),
        "shiny.pal": encoder.jasc(True),
    }
    return {f"graphics/pokemon/{name.replace('-', '_')}/{file}": content for file, content in files.items()}


def _essentials(encoder: _Encoder, name: str) -> Files:
    name = name.replace("-", "_").upper()
    front = _padded(encoder.sprite.indices, 80).repeat(2, 0).repeat(2, 1)
    small = _resized(encoder.sprite.indices, ICON)
    icon = np.concatenate([small, _lowered(small)], 1).repeat(2, 0).repeat(2, 1)
    files = {}
    for shiny, suffix in ((False, ""), (True, " shiny")):
        files[f"Graphics/Pokemon/Front{suffix}/{name}.png"] = encoder.png(front, shiny)
        files[f"Graphics/Pokemon/Icons{suffix}/{name}.png"] = encoder.png(icon, shiny)
        files[f"palettes{suffix}/{name}.pal"] = encoder.jasc(shiny)
    return files


def _rpgmaker(encoder: _Encoder, name: str) -> Files:
    front = encoder.sprite.indices
    face = np.zeros((288, 576), np.uint8)
    face[:144, :144] = _padded(front.repeat(2, 0).repeat(2, 1), 144)
    files = {}
    for shiny, suffix in ((False, ""), (True, "_shiny")):
        files[f"img/enemies/{name}{suffix}.png"] = encoder.png(front.repeat(3, 0).repeat(3, 1), shiny)
        files[f"img/faces/{name}{suffix}.png"] = encoder.png(face, shiny)
        files[f"img/characters/${name}{suffix}.png"] = encoder.png(np.tile(_resized(front, 48), (4, 3)), shiny)
        files[f"img/pictures/{name}{suffix}_icon.png"] = encoder.png(_resized(front, ICON), shiny)
        files[f"palettes/{name}{suffix}.pal"] = encoder.jasc(shiny)
    return files


def _png(encoder: _Encoder, name: str) -> Files:
    front = encoder.sprite.indices
    files = {}
    for shiny, suffix in ((False, ""), (True, "_shiny")):
        files[f"{name}{suffix}.png"] = encoder.png(front, shiny)
        files[f"{name}{suffix}_icon.png"] = encoder.png(_resized(front, ICON), shiny)
        files[f"{name}{suffix}.pal"] = encoder.jasc(shiny)
    return files


def _resized(indices: Pixels, side: int) -> Pixels:
    return np.asarray(Image.fromarray(indices).resize((side, side), Image.Resampling.NEAREST))


def _padded(indices: Pixels, side: int) -> Pixels:
    return np.pad(indices, (side - len(indices)) // 2)


def _lowered(indices: Pixels) -> Pixels:
    """Move a frame down by a pixel: the second frame of sprites and icons that bob."""
    return np.concatenate([np.zeros_like(indices[:1]), indices[:-1]])


_FORMATS: dict[str, Callable[[_Encoder, str], Files]] = {
    "png": _png,
    "pokeemerald": _pokeemerald,
    "essentials": _essentials,
    "rpgmaker": _rpgmaker,
}

FORMATS = tuple(_FORMATS)
"""Formats of sprites; docs/cookbook.md lists their files and sizes."""
