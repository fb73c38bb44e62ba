"""The bundle: the interface between export and runtime.

A folder with ``manifest.json`` and a self-contained ``.onnx`` file per model; for a model that reads text also
``tokenizer.json``, ``names.json`` and ``names.npy`` (stored embeddings of known names). The manifest has the size and
SHA-256 of every file, which are checked before the file is used. A bundle is only data: nothing in it is executed, and
no path leads out of it.
"""

import hashlib
import io
import os
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pgen.bundle.manifest import FORMAT, FileEntry, Manifest, Model, Tensor, decode_manifest, version_of
from pgen.bundle.schema import decode
from pgen.errors import BundleInvalid, BundleNotFound
from pokegan.errors import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pgen.bundle.names import NameIndex

__all__ = [
    "EMBEDDED",
    "FORMAT",
    "MANIFEST",
    "Bundle",
    "FileEntry",
    "Manifest",
    "Model",
    "Tensor",
    "describe",
    "open_bundle",
]

MANIFEST = "manifest.json"

MAX_MANIFEST = 16 * 2**20
"""Maximum size of a manifest in bytes."""

EMBEDDED = Path(__file__).parents[1] / "embedded"
"""The bundle that is installed with the package."""


def describe(path: Path) -> FileEntry:
    """Return the size and SHA-256 of a file for the manifest."""
    content = path.read_bytes()
    return FileEntry(len(content), hashlib.sha256(content).hexdigest())


class Bundle:
    """An opened bundle: the manifest is validated, files are checked when they are read."""

    def __init__(self, folder: Path, manifest: Manifest, digest: str) -> None:
        self.folder, self.manifest = folder, manifest
        self.digest = digest
        """SHA-256 of the manifest in hex, which identifies the whole bundle."""

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
        raise BundleNotFound(f"{self.folder}: has no {kind} model (it holds {held}); export one into it")

    def graph(self, model: Model) -> bytes:
        """Read a model's ONNX file.

        Raises:
            BundleNotFound, BundleInvalid: as :meth:`read`, or the file uses custom operators or external weights.
        """
        from pgen.bundle.onnx_check import check_graph

        content = self.read(model.file)
        check_graph(content, str(self.folder / model.file))
        return content

    @cached_property
    def names(self) -> list[str]:
        """The names whose embeddings the bundle stores, in their usual spelling."""
        if "names.json" not in self.manifest.files:
            return []
        content = self.read("names.json")
        try:
            return decode(content, list[str])
        except ValueError as error:
            path = self.folder / "names.json"
            raise BundleInvalid(
                f"{path}: must be a list of names ({one_line(error)}); export the bundle again"
            ) from error

    @cached_property
    def known_names(self) -> dict[str, int]:
        """Rows of the stored embeddings by lower-case name."""
        return {name.lower(): row for row, name in enumerate(self.names)}

    @cached_property
    def name_index(self) -> "NameIndex":
        """Finds rows of the stored embeddings by a name in any spelling."""
        from pgen.bundle.names import NameIndex  # not needed for a model that reads no text

        return NameIndex(self.names)

    @cached_property
    def stored_embeddings(self) -> "NDArray[np.float32]":
        """The embeddings of :attr:`names`, float32 (N, D).

        Raises:
            BundleNotFound, BundleInvalid: as :meth:`read`, or the file is not an array of that shape.
        """
        import numpy as np

        content = self.read("names.npy")
        try:
            embeddings = np.load(io.BytesIO(content), allow_pickle=False)
            if embeddings.ndim != 2 or len(embeddings) != len(self.names):
                raise ValueError(f"it does not have {len(self.names)} rows")
            return embeddings.astype(np.float32)  # type: ignore[no-any-return]
        except (ValueError, EOFError) as error:
            raise BundleInvalid(
                f"{self.folder / 'names.npy'}: cannot be read ({one_line(error)}); export the bundle again"
            ) from error


def open_bundle(folder: str | Path = EMBEDDED) -> Bundle:
    """Open the bundle in `folder`.

    Raises:
        BundleNotFound: there is no manifest.
        BundleInvalid: the manifest is damaged, or of another format than this version reads.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    if not os.path.isfile(path):  # noqa: PTH113 (as above)
        raise BundleNotFound(f"{path}: not found; choose the folder of an exported bundle")
    size, content = read_file(path, MAX_MANIFEST)
    if size > MAX_MANIFEST:
        raise BundleInvalid(f"{path}: larger than {MAX_MANIFEST:,} bytes, which no manifest is; export it again")
    try:
        if (version := version_of(content)) != FORMAT:
            remedy = "upgrade with: pip install -U pokegan" if version > FORMAT else "export the bundle again"
            raise BundleInvalid(f"{path}: format {version}, but this version reads format {FORMAT}; {remedy}")
        manifest = decode_manifest(content)
    except ValueError as error:
        if isinstance(error, BundleInvalid):
            raise
        raise BundleInvalid(f"{path}: damaged ({one_line(error)}); export or install the bundle again") from error
    _check_paths(path, manifest)
    return Bundle(folder, manifest, hashlib.sha256(content).hexdigest())


def read_file(path: Path, limit: int) -> tuple[int, bytes]:
    """Return the size of a file and its content, which is empty if it has more than `limit` bytes.

    Raises:
        BundleInvalid: it cannot be read.
    """
    try:
        size = path.stat().st_size
        return size, path.read_bytes() if size <= limit else b""
    except OSError as error:
        raise BundleInvalid(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _check_paths(path: Path, manifest: Manifest) -> None:
    # Links are not resolved: installers such as uv fill a package with links to their cache.
    for name in (*manifest.files, *(model.file for model in manifest.models.values())):
        place = PurePosixPath(name)
        if name != str(place) or place.is_absolute() or ".." in place.parts or any(sign in name for sign in "\\:\0"):
            raise BundleInvalid(f"{path}: {name!r} is not a path inside the bundle; do not use this bundle")
