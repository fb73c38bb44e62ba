"""Which pictures match which text: the soft targets that the memory's heads learn.

Real captions are few and each names one picture. So texts are composed from the fields of the records (names, types,
colors, shapes, genera) and from common nouns, in known and in new combinations, and each picture is scored for each
text: once for its shape, once for its colors. Scores come from the records' fields, from the colors that are measured
in the picture, and, for nouns and free text, from the cosine similarity of sentence embeddings.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgtrain.data.captions import captions, describe
from pgtrain.data.color_shares import COLORS, color_shares
from pgtrain.data.records import Record

Array = NDArray[np.float32]

KEPT = 24
"""Pictures that a target keeps, best first."""

COMBINATIONS, RECOLORED, PORTMANTEAUS = 3000, 2000, 3000
"""Texts that are composed at most of each kind; see the functions of these names."""

# fmt: off
NOUNS = [
    "ant", "bat", "bear", "beaver", "bee", "beetle", "bird", "boar", "bug", "bull", "bulldog", "bunny", "butterfly",
    "cactus", "camel", "cat", "caterpillar", "centipede", "chick", "chicken", "clam", "cloud", "cobra", "cow",
    "crab", "cricket", "crocodile", "crow", "crystal", "deer", "dinosaur", "dog", "dolphin", "donkey", "dragon",
    "dragonfly", "duck", "eagle", "eel", "egg", "elephant", "fairy", "ferret", "fish", "flamingo", "flower",
    "fossil", "fox", "frog", "gecko", "ghost", "giraffe", "goat", "goblin", "golem", "goose", "gorilla", "griffin",
    "hamster", "hawk", "hedgehog", "hippo", "horse", "hound", "hyena", "insect", "jellyfish", "kangaroo", "kitten",
    "knight", "koala", "ladybug", "lamb", "leaf", "leopard", "lion", "lizard", "llama", "lobster", "mammoth",
    "mantis", "mole", "monkey", "moose", "moth", "mouse", "mushroom", "octopus", "ostrich", "otter", "owl", "ox",
    "panda", "panther", "parrot", "peacock", "penguin", "phoenix", "pig", "pigeon", "plant", "porcupine", "puppy",
    "rabbit", "raccoon", "ram", "rat", "raven", "ray", "reindeer", "rhino", "robot", "rock", "rooster",
    "salamander", "scorpion", "seahorse", "seal", "serpent", "shark", "sheep", "shell", "shrimp", "skeleton",
    "skunk", "sloth", "slug", "snail", "snake", "spider", "spirit", "squid", "squirrel", "star", "starfish", "swan",
    "sword", "tadpole", "tiger", "toad", "tree", "turkey", "turtle", "unicorn", "urchin", "vulture", "walrus",
    "wasp", "weasel", "whale", "wolf", "wolverine", "worm", "zebra",
]
"""Subjects of likely prompts."""

SIZES = (
    "small", "big", "tiny", "giant", "young", "old", "cute", "fierce", "round", "fat", "slim", "strange", "happy",
    "angry",
)
ENDINGS = (
    "that lives in the sea", "that sleeps all day", "that guards an old ruin", "made of crystal", "made of stone",
    "with sharp claws", "with big eyes", "with wings", "with a long tail", "from the mountains",
    "that glows in the dark", "that loves the rain",
)
# fmt: on
"""Additions that change neither shape nor colors."""


@dataclass
class Matches:
    """Texts, and for each the pictures that match it.

    `embeddings` float32 (T, D); `shape_ids` and `color_ids` int64 (T, KEPT) are pictures, best first, and
    `shape_weights` and `color_weights` float32 (T, KEPT) their weights, sum 1. `free`, bool (T,), is false for
    texts that name one Pokémon, whose targets are its pictures.
    """

    embeddings: Tensor
    shape_ids: Tensor
    shape_weights: Tensor
    color_ids: Tensor
    color_weights: Tensor
    free: Tensor

    def __len__(self) -> int:
        return len(self.embeddings)


@dataclass
class _Texts:
    """Composed texts, with the best pictures and their weights for shape and colors, see :func:`_best`."""

    texts: list[str] = field(default_factory=list)
    shapes: list[tuple[NDArray[np.int64], Array]] = field(default_factory=list)
    colors: list[tuple[NDArray[np.int64], Array]] = field(default_factory=list)
    free: list[bool] = field(default_factory=list)

    def add(self, text: str, shape: Array, color: Array, free: bool = True) -> None:
        self.texts.append(text)
        self.shapes.append(_best(shape))
        self.colors.append(_best(color))
        self.free.append(free)


def match(records: Sequence[Record], pictures: Tensor, embed: Callable[[Sequence[str]], Tensor]) -> Matches:
    """Compose texts for `records`, which have the `pictures` uint8 (M, 4, S, S), and score every picture for each.

    `embed` maps texts to float32 embeddings (T, D).
    """
    composed = _compose(_Scores(records, pictures, embed))
    return Matches(
        embed(composed.texts), *_stacked(composed.shapes), *_stacked(composed.colors), torch.tensor(composed.free)
    )


def _stacked(best: list[tuple[NDArray[np.int64], Array]]) -> tuple[Tensor, Tensor]:
    ids, weights = zip(*best, strict=True)
    return torch.from_numpy(np.stack(ids)), torch.from_numpy(np.stack(weights))


def _best(scores: Array) -> tuple[NDArray[np.int64], Array]:
    """Keep the KEPT best scores as weights: a softmax over them."""
    count = min(KEPT, len(scores))
    ids = np.argpartition(-scores, count - 1)[:count]
    ids = ids[np.argsort(-scores[ids], kind="stable")]
    weights = np.exp(scores[ids] - scores[ids[0]])
    padding = KEPT - count
    return np.pad(ids, (0, padding)), np.pad((weights / weights.sum()).astype(np.float32), (0, padding))


class _Scores:
    """How well every picture fits a name, a type, a color, a shape or a noun: logits (M,)."""

    def __init__(self, records: Sequence[Record], pictures: Tensor, embed: Callable[[Sequence[str]], Tensor]) -> None:
        self.records = list(records)
        shares = color_shares(pictures)
        recorded = np.array([[record.color == color for color in COLORS] for record in records], np.float32)
        self.affinity = np.clip(shares, 0, 1) + 0.35 * recorded
        self.kinds = sorted({kind for record in records for kind in record.types})
        self.shapes = sorted({record.shape for record in records} - {""})
        self.colors = [color for color in COLORS if self.affinity[:, COLORS.index(color)].max() > 0.3]
        self.embed = embed
        self.named: dict[str, list[int]] = {}
        for row, record in enumerate(records):
            self.named.setdefault(record.title, []).append(row)
        genera = [record.genus or record.name for record in records]
        bodies = [record.description or record.text or record.genus or record.name for record in records]
        genus, body = (_unit(embed(texts).numpy()) for texts in (genera, bodies))
        self._embeddings = _unit(0.6 * genus + 0.4 * body)
        self._words = [set(re.findall(r"[a-z]+", f"{record.genus} {record.text}".lower())) for record in records]

    def zero(self) -> Array:
        return np.zeros(len(self.records), np.float32)

    def name(self, name: str) -> Array:
        scores = self.zero()
        scores[self.named[name]] = 8.0
        return scores

    def types(self, types: Sequence[str]) -> Array:
        overlap = [len(set(types) & set(record.types)) / max(1, len(types)) for record in self.records]
        return np.array(overlap, np.float32)

    def shape(self, shape: str) -> Array:
        return np.array([record.shape == shape for record in self.records], np.float32)

    def color(self, color: str) -> Array:
        return self.affinity[:, COLORS.index(color)].astype(np.float32)

    def like(self, vectors: Array) -> Array:
        """Cosine similarity of the records to text embeddings (T, D), relative to the most similar one: (T, M)."""
        likeness = _unit(vectors) @ self._embeddings.T
        relative: Array = (likeness - likeness.max(1, keepdims=True)).astype(np.float32)
        return relative

    def has(self, word: str) -> Array:
        return np.array([word in words for words in self._words], np.float32)


def _unit(vectors: NDArray[np.float32]) -> Array:
    unit: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return unit


def _compose(scores: _Scores) -> _Texts:
    """Compose all texts; deterministic for the same records."""
    out, draw = _Texts(), random.Random(0)
    _own(scores, out)
    _nouns(scores, out, draw)
    if scores.shapes and scores.kinds:
        _combinations(scores, out, draw)
    _recolored(scores, out, draw)
    _portmanteaus(scores, out, draw)
    return out


def _own(scores: _Scores, out: _Texts) -> None:
    """Add the captions of every record: names match their own pictures, attributes all pictures that share them."""
    sentences: list[tuple[str, int]] = []
    seen: set[str] = set()
    for row, record in enumerate(scores.records):
        own = scores.name(record.title)
        shape = 2.5 * scores.shape(record.shape) + 1.5 * scores.types(record.types) if record.shape else scores.zero()
        genus = [word for word in re.findall(r"[a-z]+", record.genus.lower()) if word not in ("pokémon", "pok", "mon")]
        color = 4.0 * scores.color(record.color) if record.color in COLORS else scores.zero()
        for caption in captions(record):
            if caption.text in seen:
                continue
            seen.add(caption.text)
            if caption.named:
                out.add(caption.text, own, own, free=False)
            elif caption.text in (record.text, record.description) or record.color not in caption.text:
                sentences.append((caption.text, row))
            else:
                nouns = sum((1.5 * scores.has(word) for word in genus if word in caption.text), scores.zero())
                bonus = 2.0 * (own > 0)
                out.add(caption.text, shape + nouns + bonus, color + 1.5 * scores.types(record.types) + bonus)
    if not sentences:
        return
    vectors = scores.embed([text for text, _ in sentences]).numpy()
    for (text, row), like in zip(sentences, scores.like(vectors), strict=True):
        own = 0.5 * scores.name(scores.records[row].title)
        out.add(text, own + 14 * like, own + 8 * like)


def _nouns(scores: _Scores, out: _Texts, draw: random.Random) -> None:
    """Add common nouns: alone, with a color, with a type, and with words that match no field of a record."""
    vectors = scores.embed([f"{noun} Pokémon" for noun in NOUNS]).numpy()
    for noun, like in zip(NOUNS, scores.like(vectors), strict=True):
        shape = 16 * like + 2.5 * scores.has(noun)
        out.add(f"a {noun}", shape, 0.5 * shape)
        out.add(f"a {noun} Pokémon", shape, 0.5 * shape)
        for color in scores.colors:
            colored = 6.0 * scores.color(color) + 0.1 * shape
            out.add(f"a {color} {noun}", shape, colored)
            out.add(f"a {draw.choice(SIZES)} {color} {noun} {draw.choice(ENDINGS)}", shape, colored)
        for kind in draw.sample(scores.kinds, min(6, len(scores.kinds))):
            typed = 2.5 * scores.types([kind])
            color = draw.choice(scores.colors)
            out.add(f"a {kind} {noun} Pokémon", shape + 0.4 * typed, typed + 0.2 * shape)
            out.add(f"a {color} {kind} {noun}", shape + 0.4 * typed, 6.0 * scores.color(color) + typed)


def _combinations(scores: _Scores, out: _Texts, draw: random.Random) -> None:
    """Add combinations of types, color and shape of three records."""
    for _ in range(COMBINATIONS):
        types, color, shape = (draw.choice(scores.records) for _ in range(3))
        if not (types.types and color.color in COLORS and shape.shape):
            continue
        # A type shows in colors as much as in shape: a red grass type still looks like grass.
        # The weights balance type and color of new combinations; docs/training-log.md has those that were tried.
        typed = scores.types(types.types)
        shapes = 3.0 * scores.shape(shape.shape) + 7.0 * typed + 0.5 * scores.color(color.color)
        colors = 3.5 * scores.color(color.color) + 10.0 * typed
        text = describe(types.types, color.color, shape.shape)
        kind = draw.randrange(4)
        if kind == 1:
            text = f"a {color.color} {' and '.join(types.types)} Pokémon"
            shapes = 3.0 * typed + 1.0 * scores.color(color.color)
        elif kind == 2:
            text = f"{draw.choice(SIZES)} {color.color} {' '.join(types.types)} {shape.shape.replace('-', ' ')}"
        out.add(text, shapes, colors)


def _recolored(scores: _Scores, out: _Texts, draw: random.Random) -> None:
    """Add names in another color: the shape of that Pokémon, the colors of any picture."""
    names = list(scores.named)
    for _ in range(min(RECOLORED, 3 * len(names)) if scores.colors else 0):
        name, color = draw.choice(names), draw.choice(scores.colors)
        text = draw.choice((f"{color} {name}", f"a {color} {name}"))
        out.add(text, scores.name(name), 6.0 * scores.color(color))


def _portmanteaus(scores: _Scores, out: _Texts, draw: random.Random) -> None:
    """Add invented names of two halves: the pictures of both Pokémon match, for shape and colors."""
    names = [name for name in scores.named if re.fullmatch(r"[A-Z][a-z]{4,}", name)]
    for _ in range(PORTMANTEAUS if len(names) > 1 else 0):
        head, tail = draw.sample(names, 2)
        text = head[: max(3, round(len(head) * 0.55))] + tail[-max(3, round(len(tail) * 0.5)) :].lower()
        both = 0.6 * (scores.name(head) + scores.name(tail))
        out.add(text, both, both)
