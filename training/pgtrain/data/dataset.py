"""The data set in memory: pictures decoded once, captions embedded once, batches taken on the device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from PIL import Image
from torch import Tensor

from pgtrain.data import sources
from pgtrain.data.captions import captions
from pgtrain.data.images import decode_all, grid
from pgtrain.data.matches import Matches, match
from pgtrain.data.options import DEFAULT, DataOptions
from pgtrain.data.records import Collection, Record
from pgtrain.engine import rng
from pgtrain.errors import DataInvalid
from pgtrain.models.text_encoder import cached_embeddings

Dataclass = TypeVar("Dataclass")
CPU = torch.device("cpu")
SAME_TEXT = 1e-4
"""Difference of embeddings below which two texts count as the same, such as those that differ only in case."""


@dataclass
class Pictures:
    """The pictures of a data set, on the networks' device if its memory suffices.

    `pictures` uint8 (N, 4, S, S) premultiplied RGBA; `labels` are their N titles; `names` those of all records,
    also of those without a picture; `options` are how they were read, and `digest` depends on them.
    Batches go to `device`.
    """

    pictures: Tensor
    labels: list[str]
    names: list[str]
    digest: str
    options: DataOptions = field(default=DEFAULT, kw_only=True)
    device: torch.device = field(default=CPU, kw_only=True)

    def __len__(self) -> int:
        return len(self.pictures)

    def to(self, device: torch.device) -> Self:
        """Move every tensor to `device`; the pictures (64 KiB each at 128 pixels) only where they fit."""
        pictures = self.pictures
        self.device, self.pictures = device, pictures[:0]
        moved(self, device)
        self.pictures = pictures.to(device) if fits(pictures, device) else pictures
        return self

    def batches(self, size: int, order: torch.Generator) -> Iterator[Tensor]:
        """Yield the index tensors of one epoch, each int64 (size,), shuffled by `order`.

        The incomplete last batch is left out; a data set smaller than `size` is one batch.
        """
        return shuffled_batches(len(self), size, order, self.device)

    def fetch(self, indices: Tensor) -> Tensor:
        """Take the pictures at `indices` on the data's device: float32 (N, 4, S, S), premultiplied, in 0..1."""
        pictures = self.pictures[indices.to(self.pictures.device)]
        if pictures.device != self.device:
            pictures = pictures.pin_memory().to(self.device, non_blocking=True)
        return pictures.float() / 255

    @property
    def identity(self) -> dict[str, Any]:
        """Facts of the data that must be equal when a run is resumed."""
        options = self.options
        chosen = {"caption_column": options.caption_column, "view": options.view, "shiny": options.shiny}
        chosen["resample"] = options.resample if options.whole_pixels else None
        facts = {"background": options.background, "digest": self.digest}
        return facts | {name: value for name, value in chosen.items() if value}

    def preview(self) -> Image.Image:
        """Draw the first 64 pictures as a grid."""
        return grid(self.pictures[:64].float() / 255)


@dataclass
class Dataset(Pictures):
    """Pictures with captions.

    `embeddings` float32 (C, D), one a caption; `caption_ids` int64 (N, K) indexes them and
    `caption_weights` float32 (N, K) says how often each is drawn (0 pads); `name_ids` int64 (N,) is the caption that is
    a picture's name. `matches` are further texts, and which pictures match them.
    """

    embeddings: Tensor
    caption_ids: Tensor
    caption_weights: Tensor
    name_ids: Tensor
    matches: Matches

    def to(self, device: torch.device) -> Self:
        """Move every tensor to `device`, as :meth:`Pictures.to` does."""
        moved(self.matches, device)
        return super().to(device)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Fetch the pictures at `indices`, each with one caption drawn by its weight.

        Returns:
            Premultiplied RGBA in 0..1, float32 (N, 4, S, S), and text embeddings, float32 (N, D).
        """
        drawn = weighted(self.caption_weights[indices], rng.rand(len(indices), 1, device=indices.device))
        chosen = self.caption_ids[indices].gather(1, drawn).squeeze(1)
        return self.fetch(indices), self.embeddings[chosen]


def weighted(weights: Tensor, share: Tensor) -> Tensor:
    """Choose a column of each row of `weights` (N, K) by `share` (N, 1) in 0..1 of their sum: int64 (N, 1).

    A weight of 0 is never chosen, except the first at a share of 0.
    """
    cumulative = weights.cumsum(1)
    return (cumulative < share * cumulative[:, -1:]).sum(1, keepdim=True)


def fits(pictures: Tensor, device: torch.device) -> bool:
    """Tell whether `pictures` take no more than half of the memory that is free on `device`."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return pictures.nbytes <= free / 2


def moved(data: Dataclass, device: torch.device) -> Dataclass:
    """Move every tensor of a dataclass to `device`, in place."""
    for name, value in vars(data).items():
        if isinstance(value, Tensor):
            setattr(data, name, value.to(device))
    return data


def shuffled_batches(count: int, size: int, order: torch.Generator, device: torch.device) -> Iterator[Tensor]:
    """Yield indices below `count`, shuffled by `order`, in whole batches of `size` (or one smaller one)."""
    shuffled = torch.randperm(count, generator=order).to(device)
    size = min(size, count)
    for start in range(0, count - size + 1, size):
        yield shuffled[start : start + size]


def read(data: str | Path, config: Any, encoder: str | None, options: DataOptions) -> Pictures:
    """Read pictures of ``config.size``, with embedded captions where a text encoder is given."""
    collection, options = sources.read(data, options.caption_column).select(options)
    return decoded(collection.without(collection.held_out(options.hold_out)), config.size, encoder, options)


def decoded(collection: Collection, size: int, encoder: str | None = None, options: DataOptions = DEFAULT) -> Pictures:
    """Decode the pictures of a data set; with an encoder, embed their captions and return a :class:`Dataset`.

    Args:
        collection: see :func:`pgtrain.data.sources.read`.
        size: pixels a side of the decoded pictures.
        encoder: see :func:`pgtrain.models.text_encoder.load_encoder`.
        options: how the pictures are decoded.

    Raises:
        DataInvalid: a file cannot be decoded, or all captions are the same.
        EncoderNotFound: the encoder cannot be loaded.
    """
    records = [record for record in collection.records if record.image]
    labels = [record.title for record in records]
    names = list(dict.fromkeys(record.name for record in collection.records))
    digest = collection.digest(options.background, options.resample)
    plain = Pictures(decode_all(collection.images, size, options), labels, names, digest, options=options)
    return _captioned(plain, records, encoder) if encoder else plain


def _captioned(plain: Pictures, records: Sequence[Record], encoder: str) -> Dataset:
    composed = [captions(record) for record in records]
    texts = [caption.text for group in composed for caption in group]
    most = max(len(group) for group in composed)
    ids, weights = torch.zeros(len(composed), most, dtype=torch.int64), torch.zeros(len(composed), most)
    start = 0
    for row, group in enumerate(composed):
        ids[row, : len(group)] = torch.arange(start, start + len(group))
        weights[row, : len(group)] = torch.tensor([caption.weight for caption in group])
        start += len(group)
    embeddings = cached_embeddings(encoder, texts)
    if len(composed) > 1 and (embeddings - embeddings[0]).abs().max() < SAME_TEXT:
        raise DataInvalid(
            f"all {len(composed)} pictures have the caption {texts[0]!r}; "
            "give captions that differ, or train a GAN without text such as dcgan"
        )
    return Dataset(
        **vars(plain),
        embeddings=embeddings,
        caption_ids=ids,
        caption_weights=weights,
        name_ids=ids[:, 0],
        matches=match(records, plain.pictures, lambda texts: cached_embeddings(encoder, texts)),
    )
