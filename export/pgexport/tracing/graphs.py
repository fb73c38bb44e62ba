"""PyTorch modules to ONNX graphs: plain operators, dynamic batch, uint8 NHWC pictures out."""

import ast
import inspect
import warnings
from collections import Counter
from copy import deepcopy
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from pgexport.errors import OpsetInvalid
from pgexport.tracing.opset import OPSET
from pgtrain.data.stats_rows import PAIRS
from pgtrain.models.text_encoder import SentenceEncoder
from pgtrain.systems.stats.networks import Generator as StatsGenerator

SCOPES = "pkg.torch.onnx.name_scopes"
"""The metadata in which the exporter records the modules of a node, outermost first, and the call itself."""


class TextPictures(nn.Module):
    """A text-to-image generator with its post-processing: what a bundle's model computes.

    `generator` maps latents, text embeddings and further inputs to the logits of stage I and of stage II, which is None
    if it has no stage II.
    """

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latent: Tensor, text: Tensor, *further: Tensor) -> tuple[Tensor, ...]:
        """Map latents float32 (N, L) and embeddings (N, D) to uint8 NHWC pictures of stage II and stage I."""
        small, large = self.generator(latent, text, *further)
        return (to_pixels(small),) if large is None else (to_pixels(large), to_pixels(small))


class LatentPictures(nn.Module):
    """A generator without text, with its post-processing."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latent: Tensor) -> tuple[Tensor, ...]:
        """Map latents float32 (N, L) to uint8 NHWC pictures."""
        return (to_pixels(self.generator(latent)),)


class StatsRows(nn.Module):
    """The stats generator with its post-processing: small integers, so that every runtime reads the same rows."""

    kinds: Tensor

    def __init__(self, generator: StatsGenerator) -> None:
        super().__init__()
        self.generator = generator
        self.register_buffer("kinds", torch.tensor(PAIRS).float())

    def forward(self, latent: Tensor, types: Tensor, total: Tensor, rarity: Tensor) -> tuple[Tensor, ...]:
        """Map latents (N, L) and conditions (zeros: none) to stats, pairs of types and rarities, all uint8.

        Stats are (N, 6) in 1..255; a pair is (N, 2), its second 18 where there is none; a rarity is (N,).
        """
        drawn = self.generator(latent, types, total, rarity)
        number = torch.arange(drawn.rarity.shape[1], dtype=self.kinds.dtype)
        rows = drawn.stats, drawn.pair.to(self.kinds.dtype) @ self.kinds, drawn.rarity @ number
        return tuple(values.to(torch.uint8) for values in rows)


def to_pixels(logits: Tensor) -> Tensor:
    """Logits (N, 4 or 3, S, S) to straight RGBA, uint8 (N, S, S, 4); invisible pixels are black, RGB is opaque."""
    # In float32 whatever the network computes in: bf16 has fewer values than a pixel has levels.
    scaled = torch.floor(torch.sigmoid(logits.float()) * 255 + 0.5)
    if scaled.shape[1] == 3:
        scaled = torch.cat([scaled, torch.full_like(scaled[:, :1], 255)], 1)
    visible = (scaled[:, 3:] > 0).to(scaled.dtype)
    pixels = torch.cat([scaled[:, :3] * visible, scaled[:, 3:]], 1)
    return pixels.permute(0, 2, 3, 1).to(torch.uint8)


def export_module(
    module: nn.Module, inputs: dict[str, Tensor], outputs: list[str], opset: int = OPSET, axes: Any = None
) -> onnx.ModelProto:
    """Export `module` with a dynamic batch.

    Args:
        module: called with the `inputs` in their order.
        inputs: examples by name, each with two rows or more.
        outputs: names of at least as many outputs as the module gives.
        opset: one of :data:`pgexport.tracing.opset.OPSETS`.
        axes: the dimensions of every input that vary; None: the batch alone.

    Raises:
        OpsetInvalid: torch cannot write the graph in `opset`.
    """
    shapes = tuple(axes or {0: Dim("batch")} for _ in inputs)
    parameters = inspect.signature(module.forward).parameters.values()
    named = sum(parameter.kind is not inspect.Parameter.VAR_POSITIONAL for parameter in parameters)
    packed = shapes[named:]  # those of *arguments come as one
    examples = tuple(inputs.values())
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns about its own deprecations
        result = module.eval()(*examples)
        program = torch.onnx.export(
            module,
            examples,
            input_names=list(inputs),
            output_names=outputs[: len(result) if isinstance(result, tuple) else 1],
            dynamic_shapes=(*shapes[:named], packed) if packed else shapes,
            opset_version=opset,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    # If the conversion to the opset fails, torch only warns and returns the graph unconverted.
    if [(entry.domain, entry.version) for entry in model.opset_import] != [("", opset)]:
        raise OpsetInvalid(f"opset {opset}: PyTorch cannot write this graph in it; use opset {OPSET}")
    for value, varying in zip(model.graph.input, shapes, strict=True):
        for axis, dimension in varying.items():  # tracing freezes a dimension silently if code used it as a number
            frozen = not value.type.tensor_type.shape.dim[axis].dim_param
            assert not frozen, f"the {dimension.__name__} of {value.name} is frozen in the graph"
    _name_nodes(model.graph)
    _forget_sources(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def export_encoder(encoder: SentenceEncoder, max_tokens: int, opset: int = OPSET) -> onnx.ModelProto:
    """Export to inputs ``input_ids`` and ``attention_mask`` of at most `max_tokens`, output ``sentence_embedding``.

    The output is not named ``embedding``, a name that BERT's graph has already: such a graph fails to load.
    """
    encoder = deepcopy(encoder)
    if encoder.bert.config.model_type == "bert":
        # Positions that no prompt reaches would only make the file larger.
        positions = encoder.bert.embeddings.position_embeddings
        positions.weight = nn.Parameter(positions.weight[:max_tokens].clone())
    ids = torch.zeros(2, 7, dtype=torch.int64)
    axes = {0: Dim("batch"), 1: Dim("sequence", max=max_tokens)}
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return export_module(encoder, inputs, ["sentence_embedding"], opset, axes)


def _name_nodes(graph: onnx.GraphProto) -> None:
    """Name every node by its module and operator: ``generator.layers.3/Conv``."""
    seen: Counter[str] = Counter()
    for node in graph.node:
        scopes = next((entry.value for entry in node.metadata_props if entry.key == SCOPES), "[]")
        module = next((scope for scope in reversed(ast.literal_eval(scopes)[:-1]) if scope), "graph")
        name = f"{module}/{node.op_type}"
        seen[name] += 1
        node.name = name if seen[name] == 1 else f"{name}_{seen[name]}"


def _forget_sources(model: onnx.ModelProto) -> None:
    """Delete the exporter's records of the source of each node: paths and stack traces of this machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
