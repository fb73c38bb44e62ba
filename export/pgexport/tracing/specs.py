"""The models that a run becomes, and their test inputs."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from pgexport.kinds import KINDS
from pgexport.metrics import Array
from pgexport.precision import compress
from pgexport.precision.half import half
from pgexport.tracing.freeze import freeze
from pgexport.tracing.graphs import LatentPictures, StatsRows, TextPictures, export_encoder, export_module
from pgexport.tracing.run_loader import LoadedRun
from pgexport.trial import BATCHES, Feeds, Trial, latent_cases
from pgtrain.data.stats_rows import RARITIES, STATS, TYPES
from pgtrain.models.text_encoder import MAX_TOKENS, Encoder, embed

SENTENCES = ["a red fire and flying dragon", "a small blue water turtle", "a gray stone golem that guards a ruin"]
"""Texts compared in addition to the names."""

LONGEST = " ".join(SENTENCES * 5)
"""A text of more tokens than are read, so that the longest sequence is tried too."""

LENGTHS = (3, 7, 16)
"""Tokens of the short texts, none padded, that the encoder is tried on beside a padded batch of the longest."""


@dataclass(frozen=True)
class ModelSpec:
    """One model to export.

    `network` computes it in PyTorch, as trained; `inputs` are examples by name, and `outputs` names of at least as many
    outputs as it has. `int8` says which matrices compact storage makes int8; None keeps weights and arithmetic in
    float32 always. `cases` draws test inputs from a seed.
    """

    name: str
    kind: str
    network: nn.Module
    inputs: dict[str, Tensor]
    outputs: list[str]
    settings: dict[str, Any]
    cases: Callable[[int], dict[str, Feeds]] = field(repr=False)
    int8: compress.Int8 | None = None

    @property
    def widths(self) -> dict[str, int]:
        """Numbers in a row of each input."""
        return {name: value.shape[1] for name, value in self.inputs.items()}

    def export(self, opset: int, dtype: torch.dtype | None = None) -> onnx.ModelProto:
        """Export the frozen network to a graph that computes in float32 or in the half precision `dtype`."""
        network = self.frozen()
        if dtype:
            network = half(network, dtype)
        if self.kind == "encoder":
            return export_encoder(network, MAX_TOKENS, opset)  # type: ignore[arg-type]
        return export_module(network, self.inputs, self.outputs, opset)

    def frozen(self) -> nn.Module:
        """Copy the network, prepared for inference alone; see :func:`pgexport.tracing.freeze.freeze`."""
        network = deepcopy(self.network)
        freeze(network)
        return network

    def storage(self, requested: str) -> str:
        """Name the storage that the model gets instead of the requested one, if it does not take that."""
        return "float32" if self.int8 is None else requested

    def trial(self, seed: int) -> Trial:
        """Draw the test inputs."""
        return Trial(self.name, self.kind, self.network, self.cases(seed), seed)


def model_specs(run: LoadedRun, encoder: Encoder | None) -> list[ModelSpec]:
    """List the models of a run; `encoder` is the run's, if it reads text."""
    specs: list[ModelSpec] = KINDS[run.kind].load("specs")(run, encoder)
    return specs


def sample_texts(run: LoadedRun) -> list[str]:
    """Choose texts for trials: about 64 names, and sentences."""
    names = run.described["data"]["names"]
    return [*names[:: max(1, len(names) // 64)], *SENTENCES]


def latent_to_image(run: LoadedRun, encoder: None) -> list[ModelSpec]:
    """Describe the model of a run that draws pictures from latents."""
    spec = ModelSpec(
        name=run.system,
        kind=run.kind,
        network=LatentPictures(run.generator).eval(),
        inputs={"latent": torch.randn(2, run.latent_dim)},
        outputs=["pictures"],
        settings=_image_settings(run),
        cases=lambda seed: {case: {"latent": value} for case, value in latent_cases(run.latent_dim, seed).items()},
        int8=compress.GENERATOR,
    )
    return [spec]


def text_to_image(run: LoadedRun, encoder: Encoder) -> list[ModelSpec]:
    """Describe the two models of a run that draws pictures from text."""
    widths: dict[str, int] = getattr(run.generator, "further_inputs", {})

    def cases(seed: int) -> dict[str, Feeds]:
        text = _repeated(embed(encoder, sample_texts(run)).numpy())
        latents = latent_cases(run.latent_dim, seed)
        further = _mixes(widths, text, latents["random"], seed)
        return {case: {"latent": value, "text": text} | further for case, value in latents.items()}

    further = {name: torch.rand(2, width) for name, width in widths.items()}
    generator = ModelSpec(
        name=run.system,
        kind=run.kind,
        network=TextPictures(run.generator).eval(),
        inputs={"latent": torch.randn(2, run.latent_dim), "text": torch.randn(2, run.text_dim)} | further,
        outputs=["pictures", "stage1"],
        settings=_image_settings(run),
        cases=cases,
        int8=compress.GENERATOR,
    )
    return [_encoder(run, encoder), generator]


def _image_settings(run: LoadedRun) -> dict[str, Any]:
    """Collect the settings of a model that draws; one trained on pixel art says how to enlarge it."""
    resample = run.described["data"].get("resample", "lanczos")
    return {"latent_dim": run.latent_dim} | ({"resample": resample} if resample != "lanczos" else {})


def _mixes(widths: dict[str, int], text: Array, latent: Array, seed: int) -> Feeds:
    """Draw the inputs `widths` beside latent and text: half of the rows have them, the others zeros.

    `text` (N, D) and `latent` (N, L) are those of the first request; those of the second are the same, reordered.
    """
    rng = np.random.default_rng(seed)
    drawn = {"share": rng.random((len(text), widths.get("share", 0)), np.float32), "second_latent": latent[::-1]}
    mixed = (rng.random((len(text), 1)) < 0.5).astype(np.float32)
    return {name: np.ascontiguousarray(mixed * drawn.get(name, rng.permutation(text))) for name in widths}


def _encoder(run: LoadedRun, encoder: Encoder) -> ModelSpec:
    def cases(seed: int) -> dict[str, Feeds]:
        rng, known = np.random.default_rng(seed), sample_texts(run)
        padded = list(islice(cycle([LONGEST, *rng.permutation(known)]), max(BATCHES)))
        short = [" ".join(rng.permutation(known)) for _ in range(max(BATCHES))]
        cut = {f"{length} tokens": _tokens(encoder, short, length) for length in LENGTHS}
        return {"random": _tokens(encoder, padded, MAX_TOKENS)} | cut

    return ModelSpec(
        name="encoder",
        kind="encoder",
        network=encoder.network,
        inputs={},
        outputs=["sentence_embedding"],
        settings={"max_tokens": MAX_TOKENS},
        cases=cases,
        int8=compress.ENCODER,
    )


def _tokens(encoder: Encoder, texts: list[str], length: int) -> Feeds:
    """Split texts into at most `length` tokens, int64 (N, T), where T is that of the longest."""
    options = {"padding": True, "truncation": True, "max_length": length, "return_tensors": "np"}
    tokens = encoder.tokenizer(texts, **options)
    return {name: tokens[name].astype(np.int64) for name in ("input_ids", "attention_mask")}


def stats(run: LoadedRun, encoder: None) -> list[ModelSpec]:
    """Describe the model of a run of the stats GAN."""
    shapes = {"latent": (run.latent_dim,), "types": (len(TYPES),), "total": (), "rarity": (len(RARITIES),)}

    def cases(seed: int) -> dict[str, Feeds]:
        further = KINDS[run.kind].further_inputs(max(BATCHES), seed)
        return {case: {"latent": value} | further for case, value in latent_cases(run.latent_dim, seed).items()}

    spec = ModelSpec(
        name=run.system,
        kind=run.kind,
        network=StatsRows(run.generator).eval(),
        inputs={name: torch.zeros(2, *shape) for name, shape in shapes.items()},
        outputs=["stats", "type_pair", "rarity_index"],  # a value may not be named as an input is
        settings={
            "latent_dim": run.latent_dim,
            "noise_dim": run.config.noise_dim,
            "stat_names": list(STATS),
            "type_names": list(TYPES),
            "rarity_names": list(RARITIES),
        },
        cases=cases,
    )
    return [spec]


def _repeated(rows: Array) -> Array:
    return rows[np.arange(max(BATCHES)) % len(rows)]
