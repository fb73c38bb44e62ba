"""ONNX Runtime on CUDA with inputs and outputs bound to GPU memory, and repeated shapes captured as CUDA graphs.

A CUDA graph replays a whole run with one call. ONNX Runtime captures one for each value of the run option
``gpu_graph_id`` if the session was made with ``enable_cuda_graph``; it then requires fixed addresses of all inputs and
outputs, and one run at a time.

It has never run on a GPU; the tests check these requirements with a fake.
"""

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pgen.backends.onnxruntime import open_session
from pgen.backends.registry import Device
from pgen.errors import BundleInvalid

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from pgen.bundle.reader import Bundle, Model

MOST_GRAPHS = 8
"""Number of shapes that are captured, each with its own buffers; other shapes run without a graph."""

NO_GRAPH = -1
"""The ``gpu_graph_id`` of a run that is not captured."""

Arrays = dict[str, NDArray[Any]]
Key = tuple[tuple[str, tuple[int, ...]], ...]


class _Buffers:
    """The inputs and outputs of one shape, at fixed addresses on the GPU."""

    def __init__(self, session: "InferenceSession", model: "Model", feeds: Arrays) -> None:
        from onnxruntime import OrtValue

        def on_gpu(shape: Sequence[int], dtype: Any) -> Any:
            return OrtValue.ortvalue_from_shape_and_type(list(shape), np.dtype(dtype), "cuda", 0)

        rows = len(next(iter(feeds.values())))
        self.inputs = {name: on_gpu(array.shape, array.dtype) for name, array in feeds.items()}
        self.outputs = {
            tensor.name: on_gpu([size if isinstance(size, int) else rows for size in tensor.shape], tensor.dtype)
            for tensor in model.outputs
        }
        self.binding = session.io_binding()
        for name, value in self.inputs.items():
            self.binding.bind_ortvalue_input(name, value)
        for name, value in self.outputs.items():
            self.binding.bind_ortvalue_output(name, value)

    def fill(self, feeds: Arrays) -> None:
        for name, array in feeds.items():
            self.inputs[name].update_inplace(np.ascontiguousarray(array))


class BoundSession:
    """A session on CUDA; a shape is captured when it occurs for the second time."""

    def __init__(self, session: "InferenceSession", model: "Model", graphs: bool) -> None:
        self._session, self._model, self._graphs = session, model, graphs
        self._lock = Lock()  # buffers and graphs serve one run at a time
        self._seen: set[Key] = set()
        self._captured: dict[Key, _Buffers] = {}

    def get_providers(self) -> list[str]:
        """List the providers that run the model, by priority."""
        return list(self._session.get_providers())

    def run(self, outputs: Sequence[str], feeds: Arrays) -> list[NDArray[Any]]:
        """Compute the named outputs."""
        key: Key = tuple((name, array.shape) for name, array in sorted(feeds.items()))
        with self._lock:
            buffers, number = self._choose(key, feeds)
            buffers.fill(feeds)
            self._session.run_with_iobinding(buffers.binding, _options(number) if self._graphs else None)
            return [buffers.outputs[name].numpy() for name in outputs]

    def _choose(self, key: Key, feeds: Arrays) -> tuple[_Buffers, int]:
        """Return the buffers of a shape and the number of its graph."""
        if key in self._captured:
            return self._captured[key], list(self._captured).index(key) + 1
        buffers = _Buffers(self._session, self._model, feeds)
        if not self._graphs or key not in self._seen or len(self._captured) == MOST_GRAPHS:
            self._seen.add(key)
            return buffers, NO_GRAPH
        self._captured[key] = buffers
        return buffers, len(self._captured)


def _options(number: int) -> Any:
    from onnxruntime import RunOptions

    options = RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(number))
    return options


def open_model(bundle: "Bundle", model: "Model", device: Device, threads: int) -> BoundSession:
    """Open a model on CUDA: with CUDA graphs, or without where ONNX Runtime cannot keep all of it on the GPU.

    Raises:
        DeviceUnavailable, BundleNotFound, BundleInvalid, MissingExtra: as :func:`pgen.backends.devices.open_model`.
    """
    graph = bundle.graph(model)
    try:
        session = open_session(graph, model.file, device.name, threads, {"enable_cuda_graph": "1"})
    except BundleInvalid:  # a node runs on the CPU; other errors are raised again without CUDA graphs
        return BoundSession(open_session(graph, model.file, device.name, threads), model, graphs=False)
    return BoundSession(session, model, graphs=True)
