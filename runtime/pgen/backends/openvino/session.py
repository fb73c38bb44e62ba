"""OpenVINO on the CPU, in bf16 where the CPU computes in it.

OpenVINO chooses kernels by the batch size and by the sizes of earlier batches, which changes the last bits of a
picture. Every picture is therefore computed as a batch of one, several at once on a thread each, which is no slower.
Encoders and stats run in ONNX Runtime: they take little time, and their outputs must be exact.
"""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pgen.backends import onnxruntime
from pgen.backends.base import Session, is_out_of_memory
from pgen.backends.cores import physical_cores
from pgen.backends.openvino.probe import computes_bf16, open_core
from pgen.backends.parity import compare_once, limits
from pgen.backends.registry import DEVICES, Device
from pgen.bundle.reader import Bundle, Model
from pgen.errors import BundleInvalid
from pokegan.errors import one_line

if TYPE_CHECKING:
    import openvino

Arrays = dict[str, NDArray[Any]]
Row = list[NDArray[Any]]

BEFORE_FORK: list[Any] = []
"""OpenVINO's objects of sessions that were made before a fork: destroying them in the forked process would hang."""


class OpenVINOSession:
    """One model; threads may share it, and their calls run one after the other. A forked process compiles it again."""

    def __init__(self, graph: bytes, where: str, precision: str, threads: int) -> None:
        self._core, self._where = open_core(), where
        self._threads = threads or physical_cores()
        self._settings = {
            "INFERENCE_PRECISION_HINT": precision,
            # By default inputs of layers with int8 weights are rounded to 8 bits.
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
            "INFERENCE_NUM_THREADS": str(self._threads),
        }
        if (folder := cache()) is not None:
            self._settings["CACHE_DIR"] = str(folder)
        try:
            self._model = self._core.read_model(io.BytesIO(graph))
        except RuntimeError as error:
            raise self._invalid(error) from error
        # All calls have a batch of one; for a variable batch OpenVINO compiles slower kernels.
        self._model.reshape({port: [1, *port.get_partial_shape()[1:]] for port in self._model.inputs})
        self.precision = precision
        self.version = self._core.get_versions("CPU")["CPU"].build_number
        self._start()

    def _start(self) -> None:
        self._process, self._lock = os.getpid(), Lock()
        compiled = self._compile({"PERFORMANCE_HINT": "LATENCY"})
        self._request = compiled.create_infer_request()
        self._names = [output.get_any_name() for output in compiled.outputs]
        self._queue: openvino.AsyncInferQueue | None = None
        self._streams_are_exact = True

    def get_providers(self) -> list[str]:
        """Name the runtime and its precision."""
        return [f"OpenVINO {self.precision}"]

    def run(self, outputs: Sequence[str], feeds: Arrays) -> list[NDArray[Any]]:
        """Compute the named outputs, row by row."""
        if self._process != os.getpid():
            # The threads that these objects wait for, even when they are destroyed, do not exist in a forked process.
            BEFORE_FORK.append((self._core, self._request, self._queue))
            self._core = open_core()
            self._start()
        indices = [self._names.index(name) for name in outputs]
        count = len(next(iter(feeds.values())))
        rows = [{name: array[at : at + 1] for name, array in feeds.items()} for at in range(count)]
        with self._lock:
            if count > 1 and self._open_streams(rows[0]):
                results = self._run_streams(rows)
            else:
                results = [self._run_row(row) for row in rows]
        return [np.concatenate([row[index] for row in results]) for index in indices]

    def _run_row(self, row: Arrays) -> Row:
        """Compute one row on all threads."""
        self._request.infer(row)
        return _outputs(self._request)

    def _run_streams(self, rows: list[Arrays]) -> list[Row]:
        """Compute the rows in parallel, each on one thread."""
        assert self._queue is not None
        results: list[Row] = [[]] * len(rows)
        self._queue.set_callback(lambda request, at: results.__setitem__(at, _outputs(request)))
        for at, row in enumerate(rows):
            self._queue.start_async(row, at)
        self._queue.wait_all()
        return results

    def _open_streams(self, row: Arrays) -> bool:
        """Open a stream for each thread; False if `row` has other outputs on one thread than on all of them."""
        import openvino

        if self._queue is None:
            compiled = self._compile({"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": str(self._threads)})
            self._queue = openvino.AsyncInferQueue(compiled, self._threads)
            (on_one_thread,) = self._run_streams([row])
            self._streams_are_exact = all(map(np.array_equal, on_one_thread, self._run_row(row)))
        return self._streams_are_exact

    def _compile(self, settings: dict[str, str]) -> "openvino.CompiledModel":
        try:
            return self._core.compile_model(self._model, "CPU", self._settings | settings)
        except RuntimeError as error:
            if self._settings.pop("CACHE_DIR", None) is not None:  # its disk may be full, or the cache damaged
                return self._compile(settings)
            if is_out_of_memory(error):
                raise MemoryError(f"{self._where}: {one_line(error)}") from error
            raise self._invalid(error) from error

    def _invalid(self, error: RuntimeError) -> BundleInvalid:
        return BundleInvalid(f"{self._where}: OpenVINO cannot load it ({one_line(error)}); use device cpu")


def _outputs(request: "openvino.InferRequest") -> Row:
    return [tensor.data.copy() for tensor in request.output_tensors]


def cache() -> Path | None:
    """Make the folder in which both devices of OpenVINO cache compiled models; None where it cannot be written."""
    return onnxruntime.cache_folder(DEVICES["openvino"])


def open_model(bundle: Bundle, model: Model, device: Device, threads: int) -> Session:
    """Open a generator of pictures in OpenVINO, any other model in ONNX Runtime; errors as :func:`open_openvino`."""
    if model.draws_pictures:
        return open_openvino(bundle, model, device.name, threads)
    session: Session = onnxruntime.open_model(bundle, model, DEVICES["cpu"], threads)
    return session


def open_openvino(bundle: Bundle, model: Model, device: str = "openvino", threads: int = 0) -> OpenVINOSession:
    """Open a picture model in OpenVINO.

    bf16 is used where the CPU computes in it and the pictures are within the tolerances of bf16, which is measured
    when a model is first opened on a machine.

    Args:
        bundle: the bundle of the model.
        model: one of its models.
        device: "openvino" or "openvino-f32".
        threads: 0 for one per physical core.

    Raises:
        MissingExtra, DeviceUnavailable: OpenVINO is not installed, or does not start.
        BundleNotFound, BundleInvalid: the model's file is missing or damaged, or OpenVINO cannot read it.
    """
    graph, where = bundle.graph(model), str(bundle.folder / model.file)
    if device == "openvino" and computes_bf16():
        session = OpenVINOSession(graph, where, "bf16", threads)
        if model.parity.get("storage") == "bf16":  # the graph itself rounds to bf16
            return session
        figures = compare_once(bundle, model, graph, session, cache(), (session.precision, session.version))
        if figures.within(limits(model, "bf16")):
            return session
    return OpenVINOSession(graph, where, "f32", threads)
