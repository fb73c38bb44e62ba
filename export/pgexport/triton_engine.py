"""TensorRT engines of a bundle, as far as Triton's configuration needs to know them.

``engines/NAME.plan`` with ``NAME.json`` beside it: its profile, and SHA-256 of the plan and of the ONNX file it was
built from. Whether the server's TensorRT and GPU can run it, the server finds out when it loads it.
"""

import hashlib
import json
from dataclasses import dataclass

from pgen.bundle import Bundle
from pgen.errors import BundleInvalid


@dataclass(frozen=True)
class Engine:
    """A plan, and the smallest, usual and largest batch of its profile."""

    plan: bytes
    batches: tuple[int, int, int]


def read_engine(bundle: Bundle, name: str) -> Engine | None:
    """Read the engine of model `name`; None if there is none.

    Raises:
        BundleInvalid: it is damaged, or was built from another model file.
    """
    path = bundle.folder / "engines" / f"{name}.plan"
    if not path.is_file():
        return None
    plan, rebuild = path.read_bytes(), "build the engine again, or remove it"
    try:
        described = json.loads(path.with_suffix(".json").read_bytes())
        smallest, usual, largest = (int(shape[0]) for shape in next(iter(described["profile"].values())))
        digests = described["plan_sha256"], described["onnx_sha256"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise BundleInvalid(f"{path.with_suffix('.json')}: damaged or missing ({error!r}); {rebuild}") from error
    if digests[0] != hashlib.sha256(plan).hexdigest():
        raise BundleInvalid(f"{path}: is not the engine that {name}.json describes; {rebuild}")
    onnx = bundle.manifest.models[name].file
    if digests[1] != bundle.manifest.files[onnx].sha256:
        raise BundleInvalid(f"{path}: was built from another {onnx}; {rebuild}")
    return Engine(plan, (smallest, usual, largest))
