"""The HTML page of an entry, self-contained: no other file and no network."""

import base64
import io
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from PIL import Image

from pgen.dex.colors import TYPES, frame_gradient, text_color
from pgen.dex.entry import Entry
from pgen.dex.radar import corners, label, share
from pgen.stats.rows import Row

CENTER, RADIUS = (140.0, 112.0), 74.0
"""Center and radius of the radar chart, in its view box of 280 by 224."""


@cache
def _template() -> Template:
    return Template(files("pgen.dex").joinpath("card.html").read_text("utf-8"))


def render_page(entry: Entry) -> str:
    """Render the page of `entry`: inlined picture, dark and light, printable. All texts are escaped."""
    row, words = entry.row, entry.words
    texts = {
        "name": words.name,
        "genus": words.genus,
        "description": words.description,
        "rarity": row.rarity,
        "total": str(row.total),
        "prompt": entry.request.prompt,
        "seed": str(row.seed),
        "author": words.author,
        "bundle": entry.bundle[:12],
        "looks": f"{entry.appearance.color}, {entry.appearance.shape.replace('-', ' ')}",
    }
    start, end = frame_gradient(row.types, row.rarity)
    markup = {"start": start, "end": end, "accent": TYPES[row.types[0]], "badges": _badges(row)}
    markup |= {"bars": _bars(row), "hexagon": _radar(row), "picture": _data_url(entry)}
    return _template().substitute({key: escape(text) for key, text in texts.items()} | markup)


def _data_url(entry: Entry) -> str:
    content = io.BytesIO()
    Image.fromarray(entry.pixels).save(content, "PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def _badges(row: Row) -> str:
    badges = [
        f'<span class="badge" style="background:{TYPES[kind]};color:{text_color(TYPES[kind])}">{kind}</span>'
        for kind in row.types
    ]
    if row.rarity != "ordinary":
        badges.append(f'<span class="badge rare">{escape(row.rarity)}</span>')
    return "".join(badges)


def _bars(row: Row) -> str:
    return "".join(
        f"<tr><th>{escape(label(name))}</th><td>{value}</td>"
        f'<td class="bar"><b><i style="width:{100 * share(value):.1f}%"></i></b></td></tr>'
        for name, value in row.stats.items()
    )


def _radar(row: Row) -> str:
    count = len(row.stats)
    rings = "".join(_polygon([part] * count, "ring") for part in (1.0, 2 / 3, 1 / 3))
    ends = corners([1.0] * count, CENTER, RADIUS)
    rays = "".join(f'<path class="ring" d="M{CENTER[0]} {CENTER[1]}L{x:.1f} {y:.1f}"/>' for x, y in ends)
    spots = zip(row.stats, corners([1.13] * count, CENTER, RADIUS), strict=True)
    texts = "".join(_text(escape(label(name)), *spot) for name, spot in spots)
    return rings + rays + _polygon([share(value) for value in row.stats.values()], "area") + texts


def _text(text: str, x: float, y: float) -> str:
    side = "middle" if abs(x - CENTER[0]) < 1 else "start" if x > CENTER[0] else "end"
    return f'<text x="{x:.1f}" y="{y + 5:.1f}" text-anchor="{side}">{text}</text>'


def _polygon(shares: list[float], kind: str) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners(shares, CENTER, RADIUS))
    return f'<polygon class="{kind}" points="{points}"/>'
