"""The bundle: the one contract between export and runtime.

A folder with ``manifest.json`` and one self-contained ``.onnx`` file a model; where a model reads text also
``tokenizer.json``, ``names.json`` and ``names.npy`` (stored embeddings of known names). The manifest names every
file with its size and SHA-256; a file is checked against them before a byte of it is used. Bundles are data:
nothing in one is executed, and its paths lead nowhere outside it.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from pgen.bundle.manifest import check_manifest
from pgen.bundle.onnx_check import check_graph
from pgen.errors import BundleInvalid, BundleNotFound

FORMAT = 2
"""Version of the layout described here; a loader reads its own and older ones.

1: one run a bundle, and one provenance for all its models. 2: each model tells its own.
"""

MANIFEST = "manifest.json"

MAX_MANIFEST, MAX_FILE = 16 * 2**20, 2**31
"""Bytes that a manifest and any other file may have: more is not read. 2 GiB is the most that an ONNX file can be."""

EMBEDDED = Path(__file__).parents[1] / "embedded"
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

    `kind` is "encoder" (tokens to a sentence embedding), "text-to-image" (latent and embedding to uint8 NHWC
    pictures), "latent-to-image" (latent to such pictures) or "stats" (latent and conditions to rows of numbers).
    `precision` tells weights and arithmetic apart, such as "float16 weights, float32 arithmetic". `settings` are
    what a runtime needs, such as latent_dim, max_tokens or the names of types. `parity` are figures measured at
    export. `provenance` tells run (data, recipe, seed, epochs), metrics, versions and revision.
    """

    kind: str
    file: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    precision: str
    opset: int
    settings: dict[str, Any]
    parity: dict[str, Any]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def reads_text(self) -> bool:
        """Does it take text embeddings?"""
        return any(tensor.name == "text" for tensor in self.inputs)


@dataclass(frozen=True)
class Manifest:
    """Everything ``manifest.json`` says."""

    models: dict[str, Model]
    files: dict[str, FileEntry]
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
        if entry is None or not os.path.isfile(path):  # noqa: PTH113 (pathlib's raises where the name is too long)
            raise BundleNotFound(f"{path}: missing from the bundle; export or install it again")
        size, content = read_file(path, entry.bytes)
        if size != entry.bytes:
            raise BundleInvalid(
                f"{path}: {size} bytes where the manifest says {entry.bytes}; export or install it again"
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
        return self.manifest.models[self.name(kind)]

    def name(self, kind: str) -> str:
        """Find the name of the model of `kind`; errors as in :meth:`model`."""
        for name, model in self.manifest.models.items():
            if model.kind == kind:
                return name
        held = ", ".join(self.manifest.models) or "nothing"
        raise BundleNotFound(
            f"{self.folder}: has no {kind} model (it holds {held}); "
            f"export one into it with pgexport RUN --out {self.folder} --add"
        )

    def graph(self, model: Model) -> bytes:
        """Read a model's ONNX file.

        Raises:
            BundleNotFound, BundleInvalid: as :meth:`read`, or the file needs more than plain operators and itself.
        """
        content = self.read(model.file)
        check_graph(content, str(self.folder / model.file))
        return content

    @cached_property
    def names(self) -> list[str]:
        """The names whose embeddings the bundle stores, as they are written; empty if it stores none."""
        if "names.json" not in self.manifest.files:
            return []
        content = self.read("names.json")
        try:
            names: list[str] = json.loads(content)
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise TypeError("it holds something else")
        except (ValueError, TypeError, RecursionError) as error:
            told = "is no list of names; export the bundle again"
            raise BundleInvalid(f"{self.folder / 'names.json'}: {told}") from error
        return names

    @cached_property
    def known_names(self) -> dict[str, int]:
        """Rows of the stored embeddings by lower-case name."""
        return {name.lower(): row for row, name in enumerate(self.names)}


def open_bundle(folder: str | Path = EMBEDDED) -> Bundle:
    """Open the bundle in `folder`.

    Raises:
        BundleNotFound: there is no manifest.
        BundleInvalid: the manifest is damaged, or of a newer format than this version reads.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    if not os.path.isfile(path):  # noqa: PTH113 (as above)
        raise BundleNotFound(f"{path}: not found; a bundle is a folder made by pgexport")
    size, content = read_file(path, MAX_MANIFEST)
    if size > MAX_MANIFEST:
        raise BundleInvalid(f"{path}: larger than {MAX_MANIFEST:,} bytes, which no manifest is; export it again")
    try:
        values = json.loads(content)
        version = values["format"]
        if isinstance(version, int) and version > FORMAT:
            raise BundleInvalid(
                f"{path}: format {version}, but this version reads up to {FORMAT}; mend it with: pip install -U pokegan"
            )
        manifest = _manifest(values)
        check_manifest(manifest)
        _check_places(path, manifest)
        return Bundle(folder, manifest, hashlib.sha256(content).hexdigest())
    except (RecursionError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, BundleInvalid):
            raise
        reason = "".join(sign if sign.isprintable() else "?" for sign in repr(error)[:200])
        raise BundleInvalid(f"{path}: damaged ({reason}); export or install the bundle again") from error


def read_file(path: Path, most: int) -> tuple[int, bytes]:
    """Measure a file and read it, unless it has more than `most` bytes.

    Raises:
        BundleInvalid: it cannot be read.
    """
    try:
        size = path.stat().st_size
        return size, path.read_bytes() if size <= most else b""
    except OSError as error:
        raise BundleInvalid(f"{path}: cannot be read ({error.strerror}); mend its permissions") from error


def _manifest(values: dict[str, Any]) -> Manifest:
    common = {"provenance": values["provenance"]} if values["format"] == 1 else {}
    models = {
        name: Model(
            **entry
            | {"inputs": [Tensor(**tensor) for tensor in entry["inputs"]]}
            | {"outputs": [Tensor(**tensor) for tensor in entry["outputs"]]}
            | common
        )
        for name, entry in values["models"].items()
    }
    files = {name: FileEntry(**entry) for name, entry in values["files"].items()}
    return Manifest(models, files, values["format"])


def _check_places(path: Path, manifest: Manifest) -> None:
    # By their words alone: installers such as uv fill a package with links to their cache, and those are fine.
    for name in (*manifest.files, *(model.file for model in manifest.models.values())):
        place = PurePosixPath(name)
        if name != str(place) or place.is_absolute() or ".." in place.parts or any(sign in name for sign in "\\:\0"):
            raise BundleInvalid(f"{path}: names {name!r}, which is no place inside the bundle; do not use it")
    for name, entry in manifest.files.items():
        if not 0 <= entry.bytes <= MAX_FILE:
            raise BundleInvalid(f"{path}: {name} is said to have {entry.bytes:,} bytes, the most is {MAX_FILE:,}")
