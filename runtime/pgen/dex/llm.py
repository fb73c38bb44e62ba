"""Names and descriptions by a language model, checked before they are used."""

import json
import re
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pgen.dex.card import drawable
from pgen.dex.endpoint import Endpoint, endpoint
from pgen.dex.entry import Words
from pgen.dex.names import Known, is_rude_name, is_rude_text, plain
from pgen.dex.templates import Looks
from pgen.errors import EndpointFailed
from pgen.stats.rows import Row

NAME, GENUS, DESCRIPTION = (3, 12), (3, 32), (20, 400)
"""Characters that each may have, from and to."""

LONGEST_WORD = 24

SPELT = re.compile(r"[^\W\d_]+(?:[' \u2019.-][^\W\d_]+)*")
"""A name: letters, with single signs between them."""

TASK = (
    "You write entries for a made-up encyclopaedia of invented creatures. Answer with one JSON object and no more: "
    '{"name": ..., "genus": ..., "description": ...}. The name is new, pronounceable, 5 to 10 letters, and no existing '
    'Pokémon\'s. The genus is two or three words that end in "Pokémon". The description is two or three plain English '
    "sentences, 120 to 300 characters, that fit the types and numbers given: a fast creature is fast, one of high "
    "defense is armoured. Do not name any existing Pokémon, game or company."
)


@dataclass
class Author:
    """Writes words through an endpoint; where that fails, the drafted ones are used and `tell` is told why, once.

    After a failure of the endpoint itself nothing more is asked of it, so that a dead one costs one time-out.
    """

    endpoint: Endpoint
    model: str
    tell: Callable[[str], None]
    _silent: bool = field(default=False, init=False)

    def __call__(self, drafted: Words, row: Row, looks: Looks, known: Known) -> Words:
        """Write the words of one entry, see :class:`pgen.dex.entry.Writer`."""
        if self._silent:
            return drafted
        messages = [{"role": "system", "content": TASK}, {"role": "user", "content": _facts(row, looks)}]
        try:
            text = self.endpoint.ask(self.model, messages, row.seed)
        except EndpointFailed as error:
            self._silent = True
            self.tell(f"{error.message}; pgen's own words are used from seed {row.seed} on")
            return drafted
        try:
            return read(text, self.model, known)
        except ValueError as error:
            self.tell(f"{self.endpoint.base}: {error}; pgen's own words are used for seed {row.seed}")
            return drafted


def _facts(row: Row, looks: Looks) -> str:
    told = {"types": row.types, "rarity": row.rarity, "stats": dict(row.stats), "total": row.total}
    return json.dumps(told | {"color": looks.color, "shape": looks.shape})


def read(text: str, model: str, known: Known) -> Words:
    """Read and check an answer.

    Raises:
        ValueError: it cannot be used; the message says why, in words of our own.
    """
    found = _object(text)
    name = _field(found, "name", NAME)
    if not SPELT.fullmatch(name) or len(plain(name)) < NAME[0]:
        raise ValueError("its name is not made of letters")
    if known.resemble(plain(name)):
        raise ValueError("its name exists, or almost")
    genus = _field(found, "genus", GENUS).removesuffix("Pokémon").removesuffix("Pokemon").strip()
    description = _field(found, "description", DESCRIPTION)
    if not SPELT.fullmatch(genus):
        raise ValueError("its genus is not made of words")
    if is_rude_name(name) or is_rude_text(f"{genus} {description}"):
        raise ValueError("it uses a word that pgen does not print")
    return Words(name, f"{genus} Pokémon", description, model)


def _object(text: str) -> Mapping[str, Any]:
    start, end = text.find("{"), text.rfind("}")  # models like to put words or a fence around it
    try:
        found = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("it answers no JSON object")
    return found


def _field(found: Mapping[str, Any], key: str, bounds: tuple[int, int]) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise ValueError(f"its answer has no {key}")
    value = unicodedata.normalize("NFC", " ".join(value.split()))
    if not bounds[0] <= len(value) <= bounds[1]:
        raise ValueError(f"its {key} has {len(value)} characters, not {bounds[0]} to {bounds[1]}")
    if not all(drawable(sign) for sign in value):
        raise ValueError(f"its {key} has signs that the card's font lacks")
    if max(map(len, value.split())) > LONGEST_WORD:
        raise ValueError(f"its {key} has a word of more than {LONGEST_WORD} letters")
    return value


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=2)


def writer_at(
    url: str, model: str | None = None, timeout: float = 60.0, tell: Callable[[str], None] = _warn
) -> Author | None:
    """Open the endpoint at `url`; `model` is one of its models, None for the first that it lists.

    Returns:
        A :class:`pgen.dex.entry.Writer`; None where the endpoint fails already, of which `tell` is told.

    Raises:
        EndpointFailed: `url` is no address, see :func:`pgen.dex.endpoint.endpoint`.
    """
    place = endpoint(url, timeout)
    try:
        listed = [model] if model else place.models()
        if not listed:
            raise EndpointFailed(f"{place.base}: lists no model; name one with --llm-model")
    except EndpointFailed as error:
        tell(f"{error.message}; pgen's own words are used")
        return None
    return Author(place, listed[0], tell)
