"""The card of an entry as an image, drawn with Pillow and its built-in font."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pgen.dex.colors import TYPES, Color, frame_gradient, mix, rgb, text_color
from pgen.dex.entry import Entry
from pgen.dex.radar import corners, label, share
from pgen.stats.rows import Row
from pokegan.resampling import resize_rgba

SIZE = (1000, 1400)
"""Pixels of a card, with the aspect ratio of a playing card."""

SCALE = 2
"""Supersampling factor, for smooth edges."""

PAPER, TEXT, MUTED, LINE = "#fffdf9", "#23211f", "#6b655e", "#e2ddd4"
RIM, SIDE = 34, 84
"""Width of the frame, and the left edge of text."""

GAP = 48
"""Pixels between the cards of an evolution line."""

ACUTE = "\u00b4"

Box = tuple[float, float, float, float]


def draw_card(entry: Entry) -> Image.Image:
    """Draw the card of `entry`, RGBA of SIZE, with transparent corners."""
    sheet = _Sheet(*frame_gradient(entry.row.types, entry.row.rarity))
    sheet.rounded((RIM, RIM, SIZE[0] - RIM, SIZE[1] - RIM), 44, PAPER)
    _head(sheet, entry)
    _window(sheet, entry)
    bottom = _text_block(sheet, entry)
    _numbers(sheet, entry.row, max(bottom, 1010))
    sheet.text((SIDE, 1334), _foot(entry), 17, MUTED)
    return sheet.result()


def draw_family(cards: Sequence[Image.Image]) -> Image.Image:
    """Draw the cards of an evolution line side by side at half of SIZE, RGBA, with arrows between them."""
    width, height = SIZE[0] // 2, SIZE[1] // 2
    sheet = Image.new("RGBA", (len(cards) * width + (len(cards) - 1) * GAP, height))
    draw = ImageDraw.Draw(sheet)
    for index, card in enumerate(cards):
        left = index * (width + GAP)
        sheet.paste(card.reduce(2), (left, 0))
        if index:
            tip, middle = left - GAP // 4, height // 2
            draw.polygon(
                [(tip - GAP // 2, middle - GAP // 2), (tip, middle), (tip - GAP // 2, middle + GAP // 2)], MUTED
            )
    return sheet


def _head(sheet: "_Sheet", entry: Entry) -> None:
    total = str(entry.row.total)
    width = sheet.width(total, 50, 1)
    sheet.text((SIZE[0] - SIDE - width, 62), total, 50, TEXT, 1)
    sheet.text((SIZE[0] - SIDE - width - 12 - sheet.width("TOTAL", 20, 0.5), 89), "TOTAL", 20, MUTED, 0.5)
    room = SIZE[0] - 2 * SIDE - width - 110
    size = next(size for size in range(66, 20, -2) if size == 22 or sheet.width(entry.words.name, size, 1.4) <= room)
    sheet.text((SIDE, 86 - size * 0.55), entry.words.name, size, TEXT, 1.4)


def _window(sheet: "_Sheet", entry: Entry) -> None:
    box = (SIDE, 140, SIZE[0] - SIDE, 690)
    sheet.glow(box, 26)
    sheet.picture(entry, (SIZE[0] / 2, 417), 500)


def _text_block(sheet: "_Sheet", entry: Entry) -> float:
    """Draw badges, genus and description; return their bottom edge."""
    row = entry.row
    left: float = SIDE
    for kind in row.types:
        left = sheet.badge((left, 716), kind.title(), TYPES[kind], text_color(TYPES[kind])) + 12
    if row.rarity != "ordinary":
        sheet.badge((left, 716), row.rarity.title(), "#f2cf66", "#2b2208")
    sheet.text((SIDE, 778), entry.words.genus, 32, MUTED, 0.4)
    return _paragraph(sheet, entry.words.description, 830.0)


def _paragraph(sheet: "_Sheet", text: str, top: float) -> float:
    """Draw a description, with smaller text if it is long; return its bottom edge."""
    size, limit = (28, 5) if len(text) <= 330 else (22, 7)
    lines = sheet.wrapped(text, size, SIZE[0] - 2 * SIDE)
    if len(lines) > limit:  # only with very long words; the HTML page shows everything
        lines = [*lines[: limit - 1], f"{lines[limit - 1]} ..."]
    for index, line in enumerate(lines):
        sheet.text((SIDE, top + index * size * 1.32), line, size, TEXT)
    return top + len(lines) * size * 1.32


def _numbers(sheet: "_Sheet", row: Row, top: float) -> None:
    sheet.line([(SIDE, top + 8), (SIZE[0] - SIDE, top + 8)], LINE, 2)
    accent = TYPES[row.types[0]]
    for index, (name, value) in enumerate(row.stats.items()):
        height = top + 36 + index * 44
        sheet.text((SIDE, height), label(name), 26, MUTED)
        number = str(value)
        sheet.text((SIDE + 178 - sheet.width(number, 28, 0.8), height - 2), number, 28, TEXT, 0.8)
        bar = (SIDE + 200, height + 9, SIDE + 460, height + 25)
        sheet.rounded(bar, 8, LINE)
        sheet.rounded((*bar[:2], bar[0] + max(16, (bar[2] - bar[0]) * share(value)), bar[3]), 8, accent)
    _radar(sheet, row, (SIZE[0] - SIDE - 184, top + 163), 106, accent)


def _radar(sheet: "_Sheet", row: Row, center: tuple[float, float], radius: float, accent: str) -> None:
    count = len(row.stats)
    ends = corners([1.0] * count, center, radius)
    sheet.polygon(ends, "#f6f2ea", LINE)
    for part in (1 / 3, 2 / 3):
        sheet.polygon(corners([part] * count, center, radius), None, LINE)
    for end in ends:
        sheet.line([center, end], LINE, 1.5)
    area = corners([share(value) for value in row.stats.values()], center, radius)
    sheet.polygon(area, (*rgb(accent), 130), accent, 4)
    for name, (x, y) in zip(row.stats, corners([1.17] * count, center, radius), strict=True):
        short = label(name)
        width = sheet.width(short, 19)
        shift = width / 2 if abs(x - center[0]) < 1 else 0 if x > center[0] else width
        sheet.text((x - shift, y - 12), short, 19, MUTED)


def _foot(entry: Entry) -> str:
    row = entry.row
    return f"Generated by PokéGAN, seed {row.seed}, bundle {entry.bundle[:12]}. An unofficial fan work."


@cache
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def drawable(text: str) -> str:
    """Reduce a text to the characters of Pillow's font: accents are removed, except that of é, which is drawn.

    >>> drawable("Pokémon à la carte — now")
    'Pokémon a la carte - now'
    """
    plain = unicodedata.normalize("NFKD", text.translate(_REPLACEMENTS))
    return "".join(character for character in plain if character in _CHARACTERS).replace("\0", "é")


_CHARACTERS = frozenset([*map(chr, range(32, 127)), "\0", "\u2018", "\u2019", "\u201c", "\u201d"])
_REPLACEMENTS = str.maketrans({"é": "\0", "\0": "", "\u2013": "-", "\u2014": "-"})


class _Sheet:
    """A canvas with the coordinates of SIZE, drawn at SCALE times the resolution."""

    def __init__(self, start: str, end: str) -> None:
        self.start, self.end = start, end
        width, height = (side * SCALE for side in SIZE)
        self.image = _gradient(width, height, rgb(start), rgb(end))
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def result(self) -> Image.Image:
        """Cut the corners and reduce to SIZE."""
        mask = Image.new("L", self.image.size)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, *(side - 1 for side in mask.size)), 70 * SCALE, 255)
        self.image.putalpha(mask)
        return self.image.reduce(SCALE)

    def rounded(self, box: Iterable[float], radius: float, fill: str) -> None:
        """Fill a rectangle with rounded corners."""
        self.draw.rounded_rectangle([round(side * SCALE) for side in box], radius * SCALE, fill)

    def polygon(
        self, points: list[tuple[float, float]], fill: str | tuple[int, ...] | None, edge: str, width: float = 2
    ) -> None:
        """Fill a polygon and draw its edge."""
        if fill is not None:
            self.draw.polygon([(x * SCALE, y * SCALE) for x, y in points], fill)
        self.line([*points, points[0], points[1]], edge, width)

    def line(self, points: list[tuple[float, float]], color: str, width: float) -> None:
        """Draw lines from point to point."""
        self.draw.line([(x * SCALE, y * SCALE) for x, y in points], color, round(width * SCALE), "curve")

    def width(self, text: str, size: float, bold: float = 0) -> float:
        """Return the width of a text."""
        return _font(size * SCALE).getlength(drawable(text).replace("é", "e")) / SCALE + 2 * bold

    def text(self, position: tuple[float, float], text: str, size: float, color: str, bold: float = 0) -> None:
        """Draw a text, with strokes `bold` pixels wider; é, which the font lacks, is drawn as e and ACUTE."""
        shown = drawable(text)
        font, stroke = _font(size * SCALE), bold * SCALE
        x, y = position[0] * SCALE, position[1] * SCALE
        parts = [(x, shown.replace("é", "e"))]
        center = (font.getlength("e") - font.getlength(ACUTE)) / 2
        for match in re.finditer("é", shown):
            parts.append((x + font.getlength(parts[0][1][: match.start()]) + center, ACUTE))
        for left, part in parts:
            self.draw.text((left, y), part, color, font, stroke_width=stroke, stroke_fill=color)

    def wrapped(self, text: str, size: float, room: float) -> list[str]:
        """Wrap a text into lines of at most `room`."""
        lines: list[str] = []
        for word in drawable(text).split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(longer, size) <= room:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def badge(self, position: tuple[float, float], text: str, background: str, foreground: str) -> float:
        """Draw a rounded badge with a text; return its right edge."""
        width = self.width(text, 26, 0.6) + 44
        self.rounded((*position, position[0] + width, position[1] + 44), 22, background)
        self.text((position[0] + 22, position[1] + 7), text, 26, foreground, 0.6)
        return position[0] + width

    def glow(self, box: Box, radius: float) -> None:
        """Fill the window of the picture: bright in the center, the frame's colors toward the corners."""
        left, top, right, bottom = (round(side * SCALE) for side in box)
        size = right - left, bottom - top
        edge = _gradient(*size, rgb(mix(self.start, "#ffffff", 0.3)), rgb(mix(self.end, "#ffffff", 0.1)))
        y, x = np.mgrid[-1:1:256j, -1:1:256j]
        light = 255 * np.clip(1.12 - np.hypot(x * 0.95, y), 0, 1) ** 0.8
        bright = Image.fromarray(light.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
        edge.paste(Image.new("RGB", size, "#ffffff"), mask=bright)
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius * SCALE, 255)
        self.image.paste(edge, (left, top), mask)

    def picture(self, entry: Entry, center: tuple[float, float], side: int) -> None:
        """Draw the picture of the entry with a soft shadow of its outline."""
        size = side * SCALE
        image = resize_rgba(Image.fromarray(entry.pixels), (size, size))
        corner = round(center[0] * SCALE - size / 2), round(center[1] * SCALE - size / 2)
        outline = image.getchannel("A").point([round(0.32 * level) for level in range(256)])
        room = 30 * SCALE
        shadow = Image.new("L", (size + 2 * room, size + 2 * room))
        shadow.paste(outline, (room, room + 14 * SCALE))
        shadow = shadow.filter(ImageFilter.BoxBlur(9 * SCALE)).filter(ImageFilter.BoxBlur(5 * SCALE))
        dark = Image.new("RGB", shadow.size, mix(self.end, "#000000", 0.75))
        self.image.paste(dark, (corner[0] - room, corner[1] - room), shadow)
        self.image.paste(image.convert("RGB"), corner, image.getchannel("A"))


def _gradient(width: int, height: int, start: Color, end: Color) -> Image.Image:
    """Blend two colors from the top left corner to the bottom right one."""
    rows, columns = np.linspace(0, 0.5, 256)[:, None], np.linspace(0, 0.5, 256)
    share = (rows + columns)[..., None]
    blended = np.array(start) * (1 - share) + np.array(end) * share
    return Image.fromarray(blended.round().astype(np.uint8)).resize((width, height), Image.Resampling.BILINEAR)
