"""Names and descriptions by a language model, validated before they are used."""

import json
import re
import unicodedata
import warnings
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgen.dex.card import drawable
from pgen.dex.endpoint import Endpoint, parse_endpoint
from pgen.dex.entry import STEM, Draft, Words
from pgen.errors import EndpointFailed, EndpointWithoutModel
from pgen.lexicon import KnownNames, is_rude_name, is_rude_text
from pokegan.names import plain

NAME, GENUS, DESCRIPTION = (3, 12), (3, 32), (20, 400)
"""Minimum and maximum number of characters."""

LONGEST_WORD = 24

LETTERS = re.compile(r"[^\W\d_]+(?:[' \u2019.-][^\W\d_]+)*")
"""Letters with single punctuation marks between them."""

THOUGHTS = re.compile(r"^.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
"""Thoughts of a reasoning model before its answer, which some servers do not remove."""

WORDS = '{"name": ..., "genus": ..., "description": ...}'

RULES = (
    "The name is new, pronounceable, 5 to 10 letters, and no existing Pokémon's. The genus is two or three words that "
    'end in "Pokémon". The description is two or three plain English sentences, 120 to 300 characters, that fit the '
    "types and numbers given: a fast creature is fast, one of high defense is armored. Do not name any existing "
    "Pokémon, game or company."
)

TASK = (
    "You write entries for a made-up encyclopaedia of invented creatures. "
    f"Answer with one JSON object and no more: {WORDS}. {RULES}"
)

FAMILY_TASK = (
    "You write entries for a made-up encyclopaedia of invented creatures: here the stages of one evolution line, from "
    "the first to the last. Answer with one JSON object and no more, with the stages in their order: "
    f'{{"stages": [{WORDS}, ...]}}. {RULES} All names begin with the same {STEM} letters, and differ after them. Each '
    "description names another stage of the line: that which the creature evolves into, or which it evolved from."
)

TOKENS = 500
"""Maximum length of the answer about one entry, in tokens."""


@dataclass
class LLMWriter:
    """Writes words through an endpoint; if it fails, the drafted ones are used, and `warn` is called with the reason.

    After a failure of the endpoint itself it is not called again, so that an unreachable one costs one timeout.
    """

    endpoint: Endpoint
    model: str
    warn: Callable[[str], None]
    _failed: bool = field(default=False, init=False)

    def __call__(self, drafts: Sequence[Draft], known: KnownNames, taken: Container[str]) -> list[Words]:
        """Write the words of one entry, or of all stages of a line, see :data:`pgen.dex.entry.Writer`."""
        drafted = [draft.words for draft in drafts]
        if self._failed:
            return drafted
        seed = drafts[0].row.seed
        content = [_description(draft) for draft in drafts]
        task, subject = (TASK, content[0]) if len(drafts) == 1 else (FAMILY_TASK, {"stages": content})
        messages = [{"role": "system", "content": task}, {"role": "user", "content": json.dumps(subject)}]
        try:
            text = self.endpoint.ask(self.model, messages, seed, TOKENS * len(drafts))
        except EndpointFailed as error:
            self._failed = True
            self.warn(f"{error.message}; names and texts come from templates from seed {seed} on")
            return drafted
        try:
            return parse_answer(text, self.model, known, taken, len(drafts))
        except ValueError as error:
            self.warn(f"{self.endpoint.base}: {error}; names and texts of seed {seed} come from templates")
            return drafted


def _description(draft: Draft) -> dict[str, Any]:
    row, appearance = draft.row, draft.appearance
    description = {"types": row.types, "rarity": row.rarity, "stats": dict(row.stats), "total": row.total}
    return description | {"color": appearance.color, "shape": appearance.shape}


def parse_answer(text: str, model: str, known: KnownNames, taken: Container[str] = (), stages: int = 1) -> list[Words]:
    """Parse and validate an answer about one entry, or about all `stages` of an evolution line.

    Raises:
        ValueError: the answer is invalid; the message does not quote it.
    """
    answer = _object(text)
    if stages == 1:
        return [_words(answer, model, known, taken)]
    listed = answer.get("stages")
    if not isinstance(listed, list) or len(listed) != stages or not all(isinstance(stage, dict) for stage in listed):
        raise ValueError(f"its answer has no list of {stages} stages")
    line = [_words(stage, model, known, taken) for stage in listed]
    names = [plain(words.name) for words in line]
    if len({*names}) < stages:
        raise ValueError("it gives one name to several stages")
    if len({name[:STEM] for name in names}) > 1:
        raise ValueError(f"its names do not begin with the same {STEM} letters")
    for words in line:
        others = "|".join(re.escape(other.name) for other in line if other is not words)
        if not re.search(rf"\b({others})\b", words.description, re.IGNORECASE):
            raise ValueError("one of its descriptions names no other stage")
    return line


def _words(answer: Mapping[str, Any], model: str, known: KnownNames, taken: Container[str]) -> Words:
    name = _field(answer, "name", NAME)
    if not LETTERS.fullmatch(name) or len(plain(name)) < NAME[0]:
        raise ValueError("its name has characters other than letters")
    if known.resemble(plain(name)):
        raise ValueError("its name exists, or resembles an existing one")
    if plain(name) in taken:
        raise ValueError("its name is that of another entry")
    genus = _field(answer, "genus", GENUS).removesuffix("Pokémon").removesuffix("Pokemon").strip()
    description = _field(answer, "description", DESCRIPTION)
    if not LETTERS.fullmatch(genus):
        raise ValueError("its genus has characters other than letters")
    if is_rude_name(name) or is_rude_text(f"{genus} {description}"):
        raise ValueError("it uses a word of the deny list")
    return Words(name, f"{genus} Pokémon", description, model)


def _object(text: str) -> Mapping[str, Any]:
    text = THOUGHTS.sub("", text)  # which may have braces of their own
    start, end = text.find("{"), text.rfind("}")  # models often surround it with text or a code fence
    try:
        answer = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ValueError("its answer is not a JSON object")
    return answer


def _field(answer: Mapping[str, Any], key: str, bounds: tuple[int, int]) -> str:
    value = answer.get(key)
    if not isinstance(value, str):
        raise ValueError(f"its answer has no {key}")
    value = unicodedata.normalize("NFC", " ".join(value.split()))
    if not bounds[0] <= len(value) <= bounds[1]:
        raise ValueError(f"its {key} has {len(value)} characters, not {bounds[0]} to {bounds[1]}")
    if not all(drawable(character) for character in value):
        raise ValueError(f"its {key} has characters that the font of the card lacks")
    if max(map(len, value.split())) > LONGEST_WORD:
        raise ValueError(f"its {key} has a word of more than {LONGEST_WORD} letters")
    return value


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=2)


def open_writer(
    url: str, model: str | None = None, timeout: float = 60.0, warn: Callable[[str], None] = _warn
) -> LLMWriter | None:
    """Open the endpoint at `url`; `model` is one of its models, None for the first that it lists.

    Returns:
        A :data:`pgen.dex.entry.Writer`; None if the endpoint fails, after calling `warn` with the reason.

    Raises:
        EndpointFailed: `url` is invalid, see :func:`pgen.dex.endpoint.parse_endpoint`.
    """
    endpoint = parse_endpoint(url, timeout)
    try:
        listed = [model] if model else endpoint.models()
        if not listed:
            raise EndpointWithoutModel(f"{endpoint.base}: lists no models; name one")
    except EndpointFailed as error:
        warn(f"{error.message}; names and texts come from templates")
        return None
    return LLMWriter(endpoint, listed[0], warn)
