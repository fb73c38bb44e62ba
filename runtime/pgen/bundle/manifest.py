"""The manifest: every field declared once, with its type and range, for reading, writing and checking alike.

Readers ignore fields that they do not know, so that a later release can add one.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

FORMAT = 2
"""Version of the manifest: changed where a reader of today would misunderstand it, not where a field is added."""

Bytes = Annotated[int, Meta(ge=0, le=2**31)]
"""Size of a file; no ONNX file can have more than 2 GiB."""

# The largest numbers that are believed: beyond them memory would run out before an error can be reported.
Batch = Annotated[int, Meta(ge=1, le=2**16)]
Dimensions = Annotated[int, Meta(ge=1, le=2**16)]
Side = Annotated[int, Meta(ge=1, le=2**14)]

Type = TypeVar("Type")


class FileEntry(Struct, frozen=True):
    """A file of the bundle: size in bytes and SHA-256 in hex."""

    bytes: Bytes
    sha256: str


class Tensor(Struct, frozen=True):
    """An input or output: NumPy dtype and shape, where a name stands for a dimension that varies."""

    name: str
    dtype: Literal[
        "bool",
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
    ]
    shape: list[int | str]


class Model(Struct, frozen=True):
    """A model of the bundle.

    `kind` is "encoder" (tokens to a sentence embedding), "text-to-image" (latent and embedding to uint8 NHWC
    pictures), "latent-to-image" (latent to such pictures) or "stats" (latent and conditions to rows of numbers).
    `precision` names the types of weights and arithmetic, such as "float16 weights, float32 arithmetic". `settings` are
    what a runtime needs, such as latent_dim, max_tokens or the names of types. `parity` holds figures measured at
    export, see :class:`Parity`. `provenance` holds run (data, recipe, seed, epochs), metrics, versions and revision,
    see :class:`Provenance`.
    """

    kind: str
    file: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    precision: str
    opset: int
    settings: dict[str, Any]
    parity: dict[str, Any]
    provenance: dict[str, Any] = {}

    @property
    def reads_text(self) -> bool:
        """Does it take text embeddings?"""
        return any(tensor.name == "text" for tensor in self.inputs)

    @property
    def draws_pictures(self) -> bool:
        """Does it give pictures?"""
        return self.kind.endswith("-to-image")


class Manifest(Struct, frozen=True):
    """Everything ``manifest.json`` says."""

    models: dict[str, Model]
    files: dict[str, FileEntry]
    format: int = FORMAT

    def to_json(self) -> str:
        """Serialize, readable and in a stable order."""
        return to_json(self)


class Figure(Struct):
    """A difference from PyTorch as measured at export, and the most (or, for PSNR and cosine, the least) allowed."""

    measured: float
    limit: float | None


class Parity(Struct):
    """What is read of a model's `parity`; empty where nothing was measured."""

    storage: str = ""
    batches: list[Batch] = []
    figures: dict[str, Figure] = {}


class Data(Struct):
    """The data set of a run."""

    digest: str


class Run(Struct):
    """The run that a model was exported from; an encoder's has no data."""

    system: str | None = None
    data: Data | None = None
    seed: int | None = None
    epoch: int | None = None
    epochs: int | None = None

    def __post_init__(self) -> None:
        """Check that a trained model's run is complete."""
        if self.data and None in (self.system, self.seed, self.epoch):
            raise ValueError("a run with data needs `system`, `seed` and `epoch`")


class Nodes(Struct):
    """How many nodes of a graph compute in which type."""

    all: dict[str, int]


class Int8(Struct):
    """Whether weights are in int8, and if not why."""

    reason: str = ""


class Graph(Struct):
    """What the export records of a graph."""

    nodes: Nodes
    int8: Int8 = msgspec.field(default_factory=Int8)


class Export(Struct):
    """What the export records of itself."""

    versions: dict[str, Any] = {}
    graph: Graph | None = None


class Provenance(Struct):
    """What is read of a model's `provenance`."""

    run: Run = msgspec.field(default_factory=Run)
    metrics: dict[str, Any] = {}
    evaluation: dict[str, Any] = {}
    export: Export = msgspec.field(default_factory=Export)


class EncoderSettings(Struct):
    """What an encoder's `settings` must hold."""

    max_tokens: Dimensions


class ImageSettings(Struct):
    """What the `settings` of a model that draws pictures must hold."""

    latent_dim: Dimensions


class _Version(Struct):
    format: int


def version_of(content: bytes) -> int:
    """Read which format a document says it has; errors as :func:`decode`."""
    return decode(content, _Version).format


def decode(content: bytes, kind: type[Type]) -> Type:
    """Read JSON as `kind`.

    Raises:
        ValueError: it is no JSON, or a value has another type or is out of range; the message names its place.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def to_json(value: Struct) -> str:
    """Serialize, readable and in a stable order; NumPy's scalars as numbers."""
    content = msgspec.json.encode(value, enc_hook=lambda scalar: scalar.item())
    return msgspec.json.format(content, indent=1).decode() + "\n"


def decode_manifest(content: bytes) -> Manifest:
    """Read a manifest and check all that is read of it.

    Raises:
        ValueError: as :func:`decode`, or a model lacks what its kind needs.
    """
    manifest = decode(content, Manifest)
    for name, model in manifest.models.items():
        _convert(model.parity, Parity, f"parity of {name}")
        _convert(model.provenance, Provenance, f"provenance of {name}")
        if model.kind == "encoder":
            _convert(model.settings, EncoderSettings, f"settings of {name}")
            _check_names(model.inputs, ("input_ids", "attention_mask"), name)
            _check_names(model.outputs, ("sentence_embedding",), name)
        elif model.draws_pictures:
            _convert(model.settings, ImageSettings, f"settings of {name}")
            _check_names(model.inputs, ("latent",), name)
            _check_names(model.outputs, ("pictures",), name)
            for tensor in model.outputs:
                _convert(tensor.shape[1] if len(tensor.shape) == 4 else None, Side, f"side of {tensor.name} of {name}")
    return manifest


def _convert(value: Any, kind: Any, place: str) -> None:
    try:
        msgspec.convert(value, kind)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _check_names(tensors: Iterable[Tensor], names: Iterable[str], model: str) -> None:
    for missing in set(names) - {tensor.name for tensor in tensors}:
        raise ValueError(f"{model} has no {missing}")
