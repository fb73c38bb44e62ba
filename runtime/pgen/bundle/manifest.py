"""The manifest: every field is declared once, with its type and range, for reading, writing and validation.

Readers ignore fields that they do not know, so that a later release can add one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from pgen.bundle.schema import decode, encode, read

FORMAT = 2
"""Version of the manifest: increased if older readers would misunderstand it, not if a field is added."""

Bytes = Annotated[int, range(2**31 + 1)]
"""Size of a file; ONNX files have at most 2 GiB."""

# Larger numbers are rejected: memory would run out before an error can be reported.
Batch = Annotated[int, range(1, 2**16 + 1)]
Dimensions = Annotated[int, range(1, 2**16 + 1)]
Side = Annotated[int, range(1, 2**14 + 1)]


DType = Literal[
    "bool", "float16", "bfloat16", "float32", "float64",
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip
"""NumPy's names of the types that inputs and outputs may have."""


class Figure(TypedDict):
    """A difference from PyTorch as measured at export, and the most (or, for PSNR and cosine, the least) allowed."""

    measured: float
    limit: float | None


class Parity(TypedDict):
    """The validated fields of a model's `parity`; empty if nothing was measured."""

    storage: NotRequired[str]
    batches: NotRequired[list[Batch]]
    figures: NotRequired[dict[str, Figure]]


class Data(TypedDict):
    """The data set of a run."""

    digest: str


class Run(TypedDict):
    """The run that a model was exported from; an encoder's has no data."""

    system: NotRequired[str | None]
    data: NotRequired[Data]
    seed: NotRequired[int]
    epoch: NotRequired[int]
    epochs: NotRequired[int | None]


class Nodes(TypedDict):
    """Numbers of nodes by the type in which they compute."""

    all: dict[str, int]


class Int8(TypedDict):
    """Result of storing weights in int8."""

    reason: NotRequired[str]


class Graph(TypedDict):
    """The export's record of a graph."""

    nodes: Nodes
    int8: NotRequired[Int8]


class Export(TypedDict):
    """The export's record of itself."""

    versions: NotRequired[dict[str, Any]]
    graph: NotRequired[Graph]


class Provenance(TypedDict):
    """The validated fields of a model's `provenance`."""

    run: NotRequired[Run]
    metrics: NotRequired[dict[str, Any]]
    evaluation: NotRequired[dict[str, Any]]
    export: NotRequired[Export]


class EncoderSettings(TypedDict):
    """Required `settings` of an encoder."""

    max_tokens: Dimensions


class ImageSettings(TypedDict):
    """`settings` of a model that generates pictures."""

    latent_dim: Dimensions
    resample: NotRequired[Literal["lanczos", "nearest"]]


class StatsSettings(TypedDict):
    """`settings` of a model that generates rows of numbers."""

    latent_dim: Dimensions
    stat_names: list[str]
    type_names: list[str]
    rarity_names: list[str]


STATS_COLUMNS = {"types": "type_names", "rarity": "rarity_names", "stats": "stat_names"}
"""Inputs and outputs of a stats model, and the setting that names their columns."""


@dataclass(frozen=True)
class FileEntry:
    """A file of the bundle: size in bytes and SHA-256 in hex."""

    bytes: Bytes
    sha256: str


@dataclass(frozen=True)
class Tensor:
    """An input or output: NumPy dtype and shape; a variable dimension is a name."""

    name: str
    dtype: Annotated[str, DType]
    shape: list[int | str]


@dataclass(frozen=True)
class Model:
    """A model of the bundle.

    `kind` is "encoder" (tokens to a sentence embedding), "text-to-image" (latent and embedding to uint8 NHWC
    pictures), "latent-to-image" (latent to such pictures) or "stats" (latent and conditions to rows of numbers).
    `precision` names the types of weights and arithmetic, such as "float16 weights, float32 arithmetic". `settings` are
    what a runtime needs, such as latent_dim, max_tokens or the names of types, and `resample`, how pictures are
    resized. `parity` holds figures measured at export, see :class:`Parity`. `provenance` holds run (data, recipe, seed,
    epochs), metrics, versions and revision, see :class:`Provenance`.
    """

    kind: str
    file: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    precision: str
    opset: int
    settings: dict[str, Any]
    parity: Annotated[dict[str, Any], Parity]
    provenance: Annotated[dict[str, Any], Provenance] = field(default_factory=dict)

    @property
    def reads_text(self) -> bool:
        """Whether the model takes text embeddings."""
        return any(tensor.name == "text" for tensor in self.inputs)

    @property
    def mixes(self) -> bool:
        """Whether the model takes a separate color text and mixes two requests."""
        return any(tensor.name == "share" for tensor in self.inputs)

    @property
    def draws_pictures(self) -> bool:
        """Whether the model generates pictures."""
        return self.kind.endswith("-to-image")


@dataclass(frozen=True)
class Manifest:
    """The contents of ``manifest.json``."""

    models: dict[str, Model]
    files: dict[str, FileEntry]
    format: int = FORMAT

    def to_json(self) -> str:
        """Serialize, readable and in a stable order."""
        return encode(self)


class _Version(TypedDict):
    format: int


def version_of(content: bytes) -> int:
    """Read the format of a document; errors as :func:`pgen.bundle.schema.decode`."""
    return decode(content, _Version)["format"]


def decode_manifest(content: bytes) -> Manifest:
    """Parse and validate a manifest.

    Raises:
        ValueError: it is not JSON, a value has another type or is out of range, or a model lacks what its kind needs.
    """
    manifest = decode(content, Manifest)
    for name, model in manifest.models.items():
        run = model.provenance.get("run", {})
        if "data" in run and None in (run.get("system"), run.get("seed"), run.get("epoch")):
            raise ValueError(f"models.{name}.provenance.run: needs system, seed and epoch beside data")
        if model.kind == "encoder":
            _check_encoder(model, name)
        elif model.draws_pictures:
            _check_image_model(model, name)
        elif model.kind == "stats":
            _check_stats_model(model, name)
    return manifest


def _check_encoder(model: Model, name: str) -> None:
    read(model.settings, EncoderSettings, f"models.{name}.settings")
    _check_names(model.inputs, ("input_ids", "attention_mask"), name)
    _check_names(model.outputs, ("sentence_embedding",), name)


def _check_image_model(model: Model, name: str) -> None:
    read(model.settings, ImageSettings, f"models.{name}.settings")
    _check_names(model.inputs, ("latent",), name)
    _check_names(model.outputs, ("pictures",), name)
    for tensor in model.inputs:
        for width in tensor.shape[1:]:
            read(width, Dimensions, f"models.{name}: the width of {tensor.name}")
    for tensor in model.outputs:
        side = tensor.shape[1] if len(tensor.shape) == 4 else None
        read(side, Side, f"models.{name}: the side of {tensor.name}")


def _check_stats_model(model: Model, name: str) -> None:
    read(model.settings, StatsSettings, f"models.{name}.settings")
    _check_names(model.inputs, ("latent", "types", "total", "rarity"), name)
    _check_names(model.outputs, ("stats", "type_pair", "rarity_index"), name)
    for tensor in (*model.inputs, *model.outputs):
        columns = STATS_COLUMNS.get(tensor.name)
        if columns and tensor.shape[1:] != [len(model.settings[columns])]:
            raise ValueError(f"models.{name}.settings.{columns} does not name the columns of {tensor.name}")


def _check_names(tensors: Iterable[Tensor], names: Iterable[str], model: str) -> None:
    for missing in set(names) - {tensor.name for tensor in tensors}:
        raise ValueError(f"models.{model} has no {missing}")
