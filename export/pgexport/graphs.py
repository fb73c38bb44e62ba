"""PyTorch modules to ONNX graphs: plain operators, dynamic batch, uint8 NHWC pictures out."""

import warnings
from copy import deepcopy
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from pgtrain.stackgan.networks import Generator
from pgtrain.text import SentenceEncoder

OPSET = 18
"""The opset in which torch writes its operators without conversion; ONNX Runtime, TensorRT 10 and ORT Web read it."""


class PictureGenerator(nn.Module):
    """A generator with its post-processing: what a bundle's text-to-image model computes.

    Without a stage II, stage I's pictures are the pictures.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latent: Tensor, text: Tensor) -> tuple[Tensor, ...]:
        """Map latents float32 (N, L) and embeddings (N, D) to uint8 NHWC pictures of stage II and stage I."""
        whitened = self.generator.whitening(text)
        small, _ = self.generator.stage1(latent, whitened)
        if self.generator.stage2 is None:
            return (to_pixels(small),)
        large, _ = self.generator.stage2(small, latent, whitened)
        return to_pixels(large), to_pixels(small)


def to_pixels(logits: Tensor) -> Tensor:
    """Logits (N, 4 or 3, S, S) to straight RGBA, uint8 (N, S, S, 4); invisible pixels are black, RGB is opaque."""
    # In float32 whatever the network computes in: bf16 has fewer values than a pixel has levels.
    scaled = torch.floor(torch.sigmoid(logits.float()) * 255 + 0.5)
    if scaled.shape[1] == 3:
        scaled = torch.cat([scaled, torch.full_like(scaled[:, :1], 255)], 1)
    visible = (scaled[:, 3:] > 0).to(scaled.dtype)
    pixels = torch.cat([scaled[:, :3] * visible, scaled[:, 3:]], 1)
    return pixels.permute(0, 2, 3, 1).to(torch.uint8)


def export_generator(
    generator: PictureGenerator, latent_dim: int, text_dim: int, opset: int = OPSET
) -> onnx.ModelProto:
    """Export to inputs ``latent`` and ``text``, output ``pictures`` and, where there is a stage II, ``stage1``."""
    inputs = (torch.randn(2, latent_dim), torch.randn(2, text_dim))
    batch = Dim("batch")
    outputs = ["pictures", "stage1"] if generator.generator.stage2 is not None else ["pictures"]
    return _export(generator, inputs, ["latent", "text"], outputs, ({0: batch}, {0: batch}), opset)


def export_encoder(encoder: SentenceEncoder, max_tokens: int, opset: int = OPSET) -> onnx.ModelProto:
    """Export to inputs ``input_ids`` and ``attention_mask`` of at most `max_tokens`, output ``sentence_embedding``.

    An output named plainly ``embedding`` exports and then fails to load: BERT's graph has that name.
    """
    encoder = deepcopy(encoder)
    if encoder.bert.config.model_type == "bert":
        # Positions that no prompt reaches would only make the file larger.
        positions = encoder.bert.embeddings.position_embeddings
        positions.weight = nn.Parameter(positions.weight[:max_tokens].clone())
    ids = torch.zeros(2, 7, dtype=torch.int64)
    axes = {0: Dim("batch"), 1: Dim("sequence", max=max_tokens)}
    inputs = (ids, torch.ones_like(ids))
    return _export(encoder, inputs, ["input_ids", "attention_mask"], ["sentence_embedding"], (axes, axes), opset)


def _export(
    module: nn.Module, inputs: tuple[Tensor, ...], names: list[str], outputs: list[str], shapes: Any, opset: int
) -> onnx.ModelProto:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns about its own deprecations
        program = torch.onnx.export(
            module.eval(),
            inputs,
            input_names=names,
            output_names=outputs,
            dynamic_shapes=shapes,
            opset_version=opset,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _forget_sources(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def _forget_sources(model: onnx.ModelProto) -> None:
    """Drop what the exporter notes of where each node came from: paths and stack traces of this machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
