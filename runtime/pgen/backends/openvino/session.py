"""OpenVINO on the CPU: the pictures of the same bundle, in bf16 where the CPU computes in it.

The kernels that OpenVINO picks, and with them the last bits of a picture, depend on the size of a batch and on the
sizes that came before. Every picture is therefore computed by itself, several at once on a thread each, which is no
slower. Encoders and stats stay in ONNX Runtime: they take little time, and their numbers must be exact.
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
from pgen.backends.parity import Figures, limits, measured
from pgen.backends.registry import DEVICES, Device
from pgen.bundle.reader import Bundle, Model
from pgen.errors import BundleInvalid
from pokegan.errors import one_line

if TYPE_CHECKING:
    import openvino

Arrays = dict[str, NDArray[Any]]
Row = list[NDArray[Any]]

BEFORE_FORK: list[Any] = []
"""What a forked process must keep of the sessions of the one that it comes from."""


class OpenVINOSession:
    """One model; threads may share it, their calls then run one after the other. A forked process compiles it anew."""

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
        self._model = self._read(graph)
        self._one_row()
        self.precision = precision
        self.version = self._core.get_versions("CPU")["CPU"].build_number
        self._start()

    def _start(self) -> None:
        self._process, self._lock = os.getpid(), Lock()
        compiled = self._compile({"PERFORMANCE_HINT": "LATENCY"})
        self._request = compiled.create_infer_request()
        self._names = [output.get_any_name() for output in compiled.outputs]
        self._queue: openvino.AsyncInferQueue | None = None
        self._alike = True

    def get_providers(self) -> list[str]:
        """Name what it runs on, as ONNX Runtime's sessions do."""
        return [f"OpenVINO {self.precision}"]

    def run(self, outputs: Sequence[str], feeds: Arrays) -> list[NDArray[Any]]:
        """Compute the named outputs, row by row."""
        if self._process != os.getpid():
            # A fork has none of the threads that these wait for, not even to be deleted.
            BEFORE_FORK.append((self._core, self._request, self._queue))
            self._core = open_core()
            self._start()
        indices = [self._names.index(name) for name in outputs]
        count = len(next(iter(feeds.values())))
        rows = [{name: array[at : at + 1] for name, array in feeds.items()} for at in range(count)]
        with self._lock:
            results = (
                self._together(rows) if count > 1 and self._opened_streams(rows[0]) else list(map(self._alone, rows))
            )
        return [np.concatenate([row[index] for row in results]) for index in indices]

    def _alone(self, row: Arrays) -> Row:
        """Compute one row on all threads."""
        self._request.infer(row)
        return _outputs(self._request)

    def _together(self, rows: list[Arrays]) -> list[Row]:
        """Compute a row a thread."""
        assert self._queue is not None
        results: list[Row] = [[]] * len(rows)
        self._queue.set_callback(lambda request, at: results.__setitem__(at, _outputs(request)))
        for at, row in enumerate(rows):
            self._queue.start_async(row, at)
        self._queue.wait_all()
        return results

    def _opened_streams(self, row: Arrays) -> bool:
        """Open a stream a thread; False where `row` computed on one thread is not what it is on all of them."""
        import openvino

        if self._queue is None:
            compiled = self._compile({"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": str(self._threads)})
            self._queue = openvino.AsyncInferQueue(compiled, self._threads)
            (on_one_thread,) = self._together([row])
            self._alike = all(map(np.array_equal, on_one_thread, self._alone(row)))
        return self._alike

    def _read(self, graph: bytes) -> "openvino.Model":
        try:
            return self._core.read_model(io.BytesIO(graph))
        except RuntimeError as error:
            raise self._invalid(error) from error

    def _one_row(self) -> None:
        """Fix the batch at the one row that every call has: of a batch that may vary OpenVINO makes slower kernels."""
        self._model.reshape({port: [1, *port.get_partial_shape()[1:]] for port in self._model.inputs})

    def _compile(self, settings: dict[str, str]) -> "openvino.CompiledModel":
        try:
            return self._core.compile_model(self._model, "CPU", self._settings | settings)
        except RuntimeError as error:
            if self._settings.pop("CACHE_DIR", None) is not None:  # its disk may be full, or what it keeps damaged
                return self._compile(settings)
            if is_out_of_memory(error):
                raise MemoryError(f"{self._where}: {one_line(error)}") from error
            raise self._invalid(error) from error

    def _invalid(self, error: RuntimeError) -> BundleInvalid:
        return BundleInvalid(f"{self._where}: OpenVINO cannot load it ({one_line(error)}); use device cpu")


def _outputs(request: "openvino.InferRequest") -> Row:
    return [tensor.data.copy() for tensor in request.output_tensors]


def cache() -> Path | None:
    """Make the folder that both devices of OpenVINO keep what they compile in; None where it cannot be written."""
    return onnxruntime.cache_folder(DEVICES["openvino"])


def open_model(bundle: Bundle, model: Model, device: Device, threads: int) -> Session:
    """Open a model: one that draws pictures in OpenVINO, others in ONNX Runtime; errors as :func:`open_openvino`."""
    if model.draws_pictures:
        return open_openvino(bundle, model, device.name, threads)
    session: Session = onnxruntime.open_model(bundle, model, DEVICES["cpu"], threads)
    return session


def open_openvino(bundle: Bundle, model: Model, device: str = "openvino", threads: int = 0) -> OpenVINOSession:
    """Open a picture model in OpenVINO.

    bf16 is used where the CPU computes in it and the pictures are within the tolerances of bf16; that is measured when
    a model is first opened on a machine.

    Args:
        bundle: where it comes from.
        model: one of its models.
        device: "openvino" or "openvino-f32".
        threads: 0 is one a physical core.

    Raises:
        MissingExtra, DeviceUnavailable: OpenVINO is not installed, or does not start.
        BundleNotFound, BundleInvalid: the model's file is missing, damaged, or not to be read by OpenVINO.
    """
    graph, where = bundle.graph(model), str(bundle.folder / model.file)
    if device == "openvino" and computes_bf16():
        session = OpenVINOSession(graph, where, "bf16", threads)
        exported_in_bf16 = model.parity.get("storage") == "bf16"  # the graph itself rounds to it
        if exported_in_bf16 or _figures(bundle, model, graph, session).within(limits(model, "bf16")):
            return session
    return OpenVINOSession(graph, where, "f32", threads)


def _figures(bundle: Bundle, model: Model, graph: bytes, session: OpenVINOSession) -> Figures:
    return measured(bundle, model, graph, session, cache(), (session.precision, session.version))
