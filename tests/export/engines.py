"""Engines as `pgexport --tensorrt` describes them, of bytes that no TensorRT made."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pgen.bundle.engines import EngineInfo, EngineOptions
from pgen.bundle.reader import describe


def add_engine(bundle: Path, name: str, **changes: Any) -> None:
    """Lay a plan and its sidecar beside model `name` of a bundle; `changes` are what the sidecar says otherwise."""
    (bundle / "engines").mkdir(exist_ok=True)
    (bundle / "engines" / f"{name}.plan").write_bytes(b"plan")
    info = EngineInfo(
        model=name,
        tensorrt="10.16.1.11",
        gpu="a GPU",
        compute_capability="9.0",
        profile={"latent": [[1, 16], [4, 16], [24, 16]]},
        onnx_sha256=describe(bundle / f"{name}.onnx").sha256,
        plan_sha256=hashlib.sha256(b"plan").hexdigest(),
        options=EngineOptions((1, 4, 24)),
        parity={},
    )
    (bundle / "engines" / f"{name}.json").write_text(json.dumps(asdict(info) | changes))
