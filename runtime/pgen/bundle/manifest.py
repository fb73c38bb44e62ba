"""The manifest: every field declared once, with its type and range, for reading, writing and checking alike.

Readers ignore fields that they do not know, so that a later release can add one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from pgen.bundle.schema import decode, encode, read

FORMAT = 2
"""Version of the manifest: changed where a reader of today would misunderstand it, not where a field is added."""

Bytes = Annotated[int, range(2**31 + 1)]
"""Size of a file; no ONNX file can have more than 2 GiB."""

# The largest numbers that are believed: beyond them memory would run out before an error can be reported.
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
    """What is read of a model's `parity`; empty where nothing was measured."""

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
    """How many nodes of a graph compute in which type."""

    all: dict[str, int]


class Int8(TypedDict):
    """What came of int8 weights."""

    reason: NotRequired[str]


class Graph(TypedDict):
    """What the export records of a graph."""

    nodes: Nodes
    int8: NotRequired[Int8]


class Export(TypedDict):
    """What the export records of itself."""

    versions: NotRequired[dict[str, Any]]
    graph: NotRequired[Graph]


class Provenance(TypedDict):
    """What is read of a model's `provenance`."""

    run: NotRequired[Run]
    metrics: NotRequired[dict[str, Any]]
    evaluation: NotRequired[dict[str, Any]]
    export: NotRequired[Export]


class EncoderSettings(TypedDict):
    """What an encoder's `settings` must hold."""

    max_tokens: Dimensions


class ImageSettings(TypedDict):
    """What the `settings` of a model that draws pictures must hold."""

    latent_dim: Dimensions
    resample: NotRequired[Literal["lanczos", "nearest"]]


@dataclass(frozen=True)
class FileEntry:
    """A file of the bundle: size in bytes and SHA-256 in hex."""

    bytes: Bytes
    sha256: str


@dataclass(frozen=True)
class Tensor:
    """An input or output: NumPy dtype and shape, where a name stands for a dimension that varies."""

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
        """Does it take text embeddings?"""
        return any(tensor.name == "text" for tensor in self.inputs)

    @property
    def mixes(self) -> bool:
        """Does it take a color text of its own, and mix two requests?"""
        return any(tensor.name == "share" for tensor in self.inputs)

    @property
    def draws_pictures(self) -> bool:
        """Does it give pictures?"""
        return self.kind.endswith("-to-image")


@dataclass(frozen=True)
class Manifest:
    """Everything ``manifest.json`` says."""

    models: dict[str, Model]
    files: dict[str, FileEntry]
    format: int = FORMAT

    def to_json(self) -> str:
        """Serialize, readable and in a stable order."""
        return encode(self)


class _Version(TypedDict):
    format: int


def version_of(content: bytes) -> int:
    """Read which format a document says it has; errors as :func:`pgen.bundle.schema.decode`."""
    return decode(content, _Version)["format"]


def decode_manifest(content: bytes) -> Manifest:
    """Read a manifest and check all that is read of it.

    Raises:
        ValueError: it is not JSON, a value has another type or is out of range, or a model lacks what its kind needs.
    """
    manifest = decode(content, Manifest)
    for name, model in manifest.models.items():
        run = model.provenance.get("run", {})
        if "data" in run and None in (run.get("system"), run.get("seed"), run.get("epoch")):
            raise ValueError(f"models.{name}.provenance.run: needs system, seed and epoch beside data")
        if model.kind == "encoder":
            read(model.settings, EncoderSettings, f"models.{name}.settings")
            _check_names(model.inputs, ("input_ids", "attention_mask"), name)
            _check_names(model.outputs, ("sentence_embedding",), name)
        elif model.draws_pictures:
            read(model.settings, ImageSettings, f"models.{name}.settings")
            _check_names(model.inputs, ("latent",), name)
            _check_names(model.outputs, ("pictures",), name)
            for tensor in model.inputs:
                for width in tensor.shape[1:]:
                    read(width, Dimensions, f"models.{name}: the width of {tensor.name}")
            for tensor in model.outputs:
                side = tensor.shape[1] if len(tensor.shape) == 4 else None
                read(side, Side, f"models.{name}: the side of {tensor.name}")
    return manifest


def _check_names(tensors: Iterable[Tensor], names: Iterable[str], model: str) -> None:
    for missing in set(names) - {tensor.name for tensor in tensors}:
        raise ValueError(f"models.{model} has no {missing}")
