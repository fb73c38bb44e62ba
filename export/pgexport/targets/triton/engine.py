"""TensorRT engines of a bundle, as far as Triton's configuration needs to know them.

Whether the server's TensorRT and GPU can run one, the server finds out when it loads it.
"""

import os
from dataclasses import dataclass

from pgen.bundle import engines
from pgen.bundle.reader import Bundle


@dataclass(frozen=True)
class Engine:
    """A plan, and the smallest, usual and largest batch of its profile."""

    plan: bytes
    batches: tuple[int, int, int]


def read_engine(bundle: Bundle, name: str) -> Engine | None:
    """Read the engine of model `name`; None if there is none.

    Raises:
        BundleNotFound: its sidecar is missing.
        BundleInvalid, EngineInvalid: it cannot be read, is damaged, or was built from another model file.
    """
    if not os.path.isfile(engines.plan_path(bundle, name)):  # noqa: PTH113 (pathlib's raises where it may not look)
        return None
    info, plan = engines.read_engine(bundle, name)
    return Engine(plan, info.options.batches)
