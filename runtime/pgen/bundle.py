"""The bundle: the one contract between export and runtime.

A folder with ``manifest.json``, ``tokenizer.json``, ``names.json`` and ``names.npy`` (stored embeddings of
known names) and one self-contained ``.onnx`` file a model. The manifest names every file with its size
and SHA-256; a file is checked against them before a byte of it is used.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pgen.errors import BundleInvalid, BundleNotFound

FORMAT = 1
"""Version of the layout described here; a loader reads its own and older ones."""

MANIFEST = "manifest.json"

EMBEDDED = Path(__file__).parent / "embedded"
"""The bundle that is installed with the package."""


@dataclass(frozen=True)
class FileEntry:
    """A file of the bundle: size in bytes and SHA-256 in hex."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Tensor:
    """An input or output: NumPy dtype and shape, where a name stands for a dimension that varies."""

    name: str
    dtype: str
    shape: list[int | str]


@dataclass(frozen=True)
class Model:
    """A model of the bundle.

    `kind` is "encoder" (tokens to a sentence embedding) or "text-to-image" (latent and embedding to
    uint8 NHWC pictures). `precision` tells weights and arithmetic apart, such as "float16 weights,
    float32 arithmetic". `settings` are the numbers a runtime needs, such as latent_dim or max_tokens.
    """

    kind: str
    file: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    precision: str
    opset: int
    settings: dict[str, int]
    parity: dict[str, Any]


@dataclass(frozen=True)
class Manifest:
    """Everything ``manifest.json`` says. `provenance` tells data, recipe, seed, epochs, versions, revision."""

    models: dict[str, Model]
    files: dict[str, FileEntry]
    provenance: dict[str, Any]
    format: int = field(default=FORMAT)

    def to_json(self) -> str:
        """Serialise, readable and in a stable order."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def describe(path: Path) -> FileEntry:
    """Measure one file for the manifest."""
    content = path.read_bytes()
    return FileEntry(len(content), hashlib.sha256(content).hexdigest())


class Bundle:
    """An opened bundle: its manifest is read and checked; files are checked when they are read."""

    def __init__(self, folder: Path, manifest: Manifest, digest: str) -> None:
        self.folder, self.manifest = folder, manifest
        self.digest = digest
        """SHA-256 of the manifest, and so of the whole bundle (hex)."""

    def read(self, name: str) -> bytes:
        """Read one file of the bundle.

        Raises:
            BundleNotFound: it is missing.
            BundleInvalid: it is not the file that the manifest describes, by size or by SHA-256.
        """
        entry = self.manifest.files.get(name)
        path = self.folder / name
        if entry is None or not path.is_file():
            raise BundleNotFound(f"{path}: missing from the bundle; export or install it again")
        content = path.read_bytes()
        if len(content) != entry.bytes:
            raise BundleInvalid(
                f"{path}: {len(content)} bytes where the manifest says {entry.bytes}; export or install it again"
            )
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise BundleInvalid(
                f"{path}: damaged (its SHA-256 differs from the manifest's); export or install it again"
            )
        return content

    def model(self, kind: str) -> Model:
        """Find the model of `kind`.

        Raises:
            BundleNotFound: the bundle has none.
        """
        for model in self.manifest.models.values():
            if model.kind == kind:
                return model
        raise BundleNotFound(f"{self.folder}: has no {kind} model; export one into it with pgexport")

    @cached_property
    def known_names(self) -> dict[str, int]:
        """Rows of the stored embeddings by lower-case name; empty if the bundle stores none."""
        if "names.json" not in self.manifest.files:
            return {}
        names: list[str] = json.loads(self.read("names.json"))
        return {name.lower(): row for row, name in enumerate(names)}


def open_bundle(folder: Path = EMBEDDED) -> Bundle:
    """Open the bundle in `folder`.

    Raises:
        BundleNotFound: there is no manifest.
        BundleInvalid: the manifest is damaged, or of a newer format than this version reads.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleNotFound(f"{path}: not found; a bundle is a folder made by pgexport")
    content = path.read_bytes()
    try:
        values = json.loads(content)
        version = values["format"]
        if isinstance(version, int) and version > FORMAT:
            raise BundleInvalid(
                f"{path}: format {version}, but this version reads up to {FORMAT}; mend it with: pip install -U pokegan"
            )
        return Bundle(folder, _manifest(values), hashlib.sha256(content).hexdigest())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, BundleInvalid):
            raise
        raise BundleInvalid(f"{path}: damaged ({error!r}); export or install the bundle again") from error


def _manifest(values: dict[str, Any]) -> Manifest:
    models = {
        name: Model(
            **entry
            | {"inputs": [Tensor(**tensor) for tensor in entry["inputs"]]}
            | {"outputs": [Tensor(**tensor) for tensor in entry["outputs"]]}
        )
        for name, entry in values["models"].items()
    }
    files = {name: FileEntry(**entry) for name, entry in values["files"].items()}
    return Manifest(models, files, values["provenance"], values["format"])
