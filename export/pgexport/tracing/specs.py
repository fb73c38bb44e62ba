"""The models that a run becomes: what is exported of each system, and what it is tried on."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from pgexport.parity.checks import BATCHES, Array, Feeds, Trial, latent_cases
from pgexport.precision import compress
from pgexport.precision.half import half
from pgexport.tracing.graphs import LatentPictures, PictureGenerator, StatsRows, export_encoder, export_module
from pgexport.tracing.run_loader import Source, fold_batch_norm
from pgexport.tracing.stats_inputs import conditions
from pgtrain.models.text_encoder import MAX_TOKENS, Encoder, embed
from pgtrain.systems.stats.rows import RARITIES, STATS, TYPES

SENTENCES = ["a red fire and flying dragon", "a small blue water turtle", "a grey stone golem that guards a ruin"]
"""Texts that are no names, compared beside the names."""

LONGEST = " ".join(SENTENCES * 5)
"""A text of more tokens than are read, so that the longest sequence is tried too."""

LENGTHS = (3, 7, 16)
"""Tokens of the short texts, none padded, that the encoder is tried on beside a padded batch of the longest."""


@dataclass(frozen=True)
class Part:
    """One model on its way into a bundle.

    `network` is what the model computes, in PyTorch as trained; `inputs` are examples by name. `int8` tells
    which matrices compact storage makes int8; None keeps weights and arithmetic in float32 always.
    """

    name: str
    kind: str
    network: nn.Module
    inputs: dict[str, Tensor]
    outputs: list[str]
    settings: dict[str, Any]
    cases: Callable[[int], dict[str, Feeds]] = field(repr=False)
    int8: compress.Int8 | None = None

    def export(self, opset: int, dtype: torch.dtype | None = None) -> onnx.ModelProto:
        """Export to a graph, batch norm folded, that computes in float32 or in the half precision `dtype`."""
        network = self.folded()
        if dtype:
            network = half(network, dtype)
        if self.kind == "encoder":
            return export_encoder(network, MAX_TOKENS, opset)  # type: ignore[arg-type]
        return export_module(network, self.inputs, self.outputs, opset)

    def folded(self) -> nn.Module:
        """Copy the network with every batch norm folded."""
        network = deepcopy(self.network)
        fold_batch_norm(network)
        return network

    def storage(self, asked: str) -> str:
        """Name the storage that the model really gets, and whose tolerances hold."""
        return "float32" if self.int8 is None else asked

    def trial(self, seed: int) -> Trial:
        """Draw what the model is tried on."""
        return Trial(self.name, self.kind, self.network, self.cases(seed), seed)


def parts(source: Source, encoder: Encoder | None) -> list[Part]:
    """List the models of a run; `encoder` is the run's, for systems that read text."""
    if source.system == "stackgan":
        assert encoder is not None
        return [_encoder(source, encoder), _text_to_image(source, encoder)]
    return [_stats(source) if source.system == "stats" else _latent_to_image(source)]


def texts(source: Source) -> list[str]:
    """Choose texts to try: some 64 names, and sentences."""
    names = source.described["data"]["names"]
    return [*names[:: max(1, len(names) // 64)], *SENTENCES]


def _latent_to_image(source: Source) -> Part:
    latent_dim = source.config.latent_dim
    return Part(
        name=source.system,
        kind="latent-to-image",
        network=LatentPictures(source.generator).eval(),
        inputs={"latent": torch.randn(2, latent_dim)},
        outputs=["pictures"],
        settings={"latent_dim": latent_dim},
        cases=lambda seed: {case: {"latent": value} for case, value in latent_cases(latent_dim, seed).items()},
        int8=compress.GENERATOR,
    )


def _text_to_image(source: Source, encoder: Encoder) -> Part:
    latent_dim = source.config.latent_dim
    text_dim = source.generator.whitening.linear.in_features
    network = PictureGenerator(source.generator).eval()

    def cases(seed: int) -> dict[str, Feeds]:
        text = _repeated(embed(encoder, texts(source)).numpy())
        return {case: {"latent": value, "text": text} for case, value in latent_cases(latent_dim, seed).items()}

    return Part(
        name=source.system,
        kind="text-to-image",
        network=network,
        inputs={"latent": torch.randn(2, latent_dim), "text": torch.randn(2, text_dim)},
        outputs=["pictures", "stage1"] if source.generator.stage2 is not None else ["pictures"],
        settings={"latent_dim": latent_dim},
        cases=cases,
        int8=compress.GENERATOR,
    )


def _encoder(source: Source, encoder: Encoder) -> Part:
    def cases(seed: int) -> dict[str, Feeds]:
        draw, known = np.random.default_rng(seed), texts(source)
        padded = list(islice(cycle([LONGEST, *draw.permutation(known)]), max(BATCHES)))
        short = [" ".join(draw.permutation(known)) for _ in range(max(BATCHES))]
        cut = {f"{length} tokens": _tokens(encoder, short, length) for length in LENGTHS}
        return {"random": _tokens(encoder, padded, MAX_TOKENS)} | cut

    return Part(
        name="encoder",
        kind="encoder",
        network=encoder.network,
        inputs={},
        outputs=["sentence_embedding"],
        settings={"max_tokens": MAX_TOKENS},
        cases=cases,
        int8=compress.ENCODER,
    )


def _tokens(encoder: Encoder, wanted: list[str], most: int) -> Feeds:
    """Split texts into at most `most` tokens, int64 (N, T), where T is that of the longest."""
    options = {"padding": True, "truncation": True, "max_length": most, "return_tensors": "np"}
    tokens = encoder.tokenizer(wanted, **options)
    return {name: tokens[name].astype(np.int64) for name in ("input_ids", "attention_mask")}


def _stats(source: Source) -> Part:
    generator = source.generator
    latent_dim, kinds, rare = generator.latent_dim, len(TYPES), len(RARITIES)
    inputs = {"latent": (latent_dim,), "types": (kinds,), "total": (), "rarity": (rare,)}

    def cases(seed: int) -> dict[str, Feeds]:
        asked = conditions(max(BATCHES), seed)
        return {case: {"latent": value} | asked for case, value in latent_cases(latent_dim, seed).items()}

    return Part(
        name=source.system,
        kind="stats",
        network=StatsRows(generator).eval(),
        inputs={name: torch.zeros(2, *shape) for name, shape in inputs.items()},
        outputs=["stats", "type_pair", "rarity_index"],  # a value may not be named as an input is
        settings={
            "latent_dim": latent_dim,
            "noise_dim": source.config.noise_dim,
            "stat_names": list(STATS),
            "type_names": list(TYPES),
            "rarity_names": list(RARITIES),
        },
        cases=cases,
    )


def _repeated(rows: Array) -> Array:
    return rows[np.arange(max(BATCHES)) % len(rows)]
