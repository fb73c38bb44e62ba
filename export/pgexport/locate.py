"""Where parity is lost: the node to name in the message."""

from collections.abc import Sequence

from onnx import ModelProto

from pgexport import divergence
from pgexport.divergence import Divergence
from pgexport.emulate import emulated
from pgexport.models import Part
from pgexport.parity import Feeds
from pgexport.storage import Stored


def locate_divergence(part: Part, stored: Stored, feeds: Feeds, rows: slice | None = None) -> str:
    """Name the first node that diverges on `feeds`; with `rows`, the first that gives those alone another result."""
    graph = _checkable(stored)
    if rows is not None:
        found = divergence.first_by_batch(graph, feeds, rows)
        if found is None:
            return "no node alone does: ONNX Runtime's optimisation of the graph does it"
        return f"first node that does: {found.node} ({found.operator}), {found.error:.2g} off"
    found = _first(part, stored, feeds)
    if found is None and divergence.optimised_away(graph, feeds, divergence.LIMITS[stored.storage]):
        return "no node diverges alone: ONNX Runtime's optimisation of the graph does it"
    return divergence.describe(found)


def locate_in_sequence(models: Sequence[tuple[Part, Stored]], seed: int) -> str:
    """Name the first node that diverges in models that work in sequence, and its model."""
    for part, stored in models:
        feeds = {name: values[:2] for name, values in part.cases(seed)["random"].items()}
        if found := _first(part, stored, feeds):
            return f"{part.name}: {divergence.describe(found)}"
    return divergence.describe(None)


def _first(part: Part, stored: Stored, feeds: Feeds) -> Divergence | None:
    """Find the first node that diverges: of the float32 graph from PyTorch, or else of the stored graph from that one.

    Storing may not have changed anything, so the float32 graph itself is never taken for granted.
    """
    reference = stored.graph if stored.storage == "float32" else part.export(stored.opset)
    limits = divergence.LIMITS
    found = divergence.first_from_pytorch(reference, part.network, part.folded(), feeds, limits["float32"])
    return found or divergence.first_divergence(_checkable(stored), reference, feeds, limits[stored.storage])


def _checkable(stored: Stored) -> ModelProto:
    return emulated(stored.graph) if stored.storage == "bf16" else stored.graph
