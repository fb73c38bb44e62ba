"""pgen's data that is not part of the bundle, as JSON: words, evolution lines, translations and styles of cards."""

import codecs
import json
import tomllib
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from pgen.bundle.names import read_translations
from pgen.dex.colors import RARITIES, TYPES, text_color
from pgen.dex.family import SIZES, real_lines
from pgen.dex.radar import FULL, LABELS
from pgen.lexicon import DENIED


def tables() -> dict[str, Any]:
    """Collect the tables from pgen's own files."""
    dex = files("pgen.dex")
    return {
        "learned": json.loads(dex.joinpath("learned.json").read_text("utf-8")),
        "phrases": tomllib.loads(dex.joinpath("phrases.toml").read_text("utf-8")),
        "lines": [[asdict(stage) for stage in line] for size in SIZES for line in real_lines(size)],
        "translations": read_translations(files("pgen.bundle").joinpath("translations.tsv").read_text("utf-8")),
        "denied": sorted(
            codecs.encode(word, "rot13") for word in DENIED
        ),  # as in pgen, so that nobody has to read them
        "style": {
            "types": {name: [color, text_color(color)] for name, color in TYPES.items()},
            "rarities": RARITIES,
            "labels": LABELS,
            "full": FULL,
        },
    }
