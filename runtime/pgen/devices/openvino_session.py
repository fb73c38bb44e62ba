"""OpenVINO on the CPU: the pictures of the same bundle, in bf16 where the CPU computes in it.

The kernels that OpenVINO picks, and with them the last bits of a picture, depend on the size of a batch and on the
sizes that came before. Every picture is therefore computed by itself, several at once on a thread each, which is no
slower. Encoders and stats stay in ONNX Runtime: they take little time, and their numbers must be exact.
"""

import io
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pgen.bundle import Model
from pgen.devices.cores import physical_cores
from pgen.devices.names import OPENVINO
from pgen.devices.openvino import computes_bf16, open_core
from pgen.devices.ort import cache_folder
from pgen.devices.tolerance import limits
from pgen.errors import BundleInvalid

if TYPE_CHECKING:
    import openvino

BF16_PSNR = 45
"""dB to PyTorch in float32 that a manifest must be content with before its pictures are computed in bf16, which gives
about 50: of bundles with 8-bit weights or half-precision arithmetic of that kind, not of float32 or fp16."""

Arrays = dict[str, NDArray[Any]]
Row = list[NDArray[Any]]


class OpenVINOSession:
    """One model; threads may share it, their calls then run one after the other."""

    def __init__(self, graph: bytes, where: str, precision: str, threads: int) -> None:
        self._core, self._where = open_core(), where
        self._threads = threads or physical_cores()
        self._lock = Lock()
        self._settings = {
            "INFERENCE_PRECISION_HINT": precision,
            # By default inputs of layers with int8 weights are rounded to 8 bits.
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
            "CACHE_DIR": str(cache_folder(OPENVINO, "openvino")),
            "INFERENCE_NUM_THREADS": str(self._threads),
        }
        self._model = self._read(graph)
        self.precision = precision
        compiled = self._compile({"PERFORMANCE_HINT": "LATENCY"})
        self._request = compiled.create_infer_request()
        self._names = [output.get_any_name() for output in compiled.outputs]
        self._queue: openvino.AsyncInferQueue | None = None
        self._alike = True

    def get_providers(self) -> list[str]:
        """Tell where it runs, in the words of ONNX Runtime's sessions."""
        return [f"OpenVINO {self.precision}"]

    def run(self, outputs: Sequence[str], feeds: Arrays) -> list[NDArray[Any]]:
        """Compute the named outputs, row by row."""
        wanted = [self._names.index(name) for name in outputs]
        count = len(next(iter(feeds.values())))
        rows = [{name: array[at : at + 1] for name, array in feeds.items()} for at in range(count)]
        with self._lock:
            found = (
                self._together(rows) if count > 1 and self._opened_streams(rows[0]) else list(map(self._alone, rows))
            )
        return [np.concatenate([row[index] for row in found]) for index in wanted]

    def _alone(self, row: Arrays) -> Row:
        """Compute one row on all threads."""
        self._request.infer(row)
        return _outputs(self._request)

    def _together(self, rows: list[Arrays]) -> list[Row]:
        """Compute a row a thread."""
        assert self._queue is not None
        found: list[Row] = [[]] * len(rows)
        self._queue.set_callback(lambda request, at: found.__setitem__(at, _outputs(request)))
        for at, row in enumerate(rows):
            self._queue.start_async(row, at)
        self._queue.wait_all()
        return found

    def _opened_streams(self, row: Arrays) -> bool:
        """Open a stream a thread; False where `row` computed on one thread is not what it is on all of them."""
        import openvino

        if self._queue is None:
            compiled = self._compile({"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": str(self._threads)})
            self._queue = openvino.AsyncInferQueue(compiled, self._threads)
            (found,) = self._together([row])
            self._alike = all(map(np.array_equal, found, self._alone(row)))
        return self._alike

    def _read(self, graph: bytes) -> "openvino.Model":
        try:
            return self._core.read_model(io.BytesIO(graph))
        except RuntimeError as error:
            raise self._invalid(error) from error

    def _compile(self, settings: dict[str, str]) -> "openvino.CompiledModel":
        try:
            return self._core.compile_model(self._model, "CPU", self._settings | settings)
        except RuntimeError as error:
            raise self._invalid(error) from error

    def _invalid(self, error: RuntimeError) -> BundleInvalid:
        reason = " ".join(str(error).split())[:200]
        return BundleInvalid(f"{self._where}: OpenVINO cannot load it ({reason}); use --device cpu")


def _outputs(request: "openvino.InferRequest") -> Row:
    return [tensor.data.copy() for tensor in request.output_tensors]


def open_openvino(graph: bytes, model: Model, where: str, device: str = OPENVINO, threads: int = 0) -> OpenVINOSession:
    """Open a picture model in OpenVINO.

    Args:
        graph: content of the .onnx file, checked.
        model: what the manifest says of it.
        where: its name, for messages.
        device: OPENVINO or OPENVINO_F32.
        threads: 0 is one a physical core.

    Raises:
        MissingExtra, DeviceUnavailable: OpenVINO is not installed, or does not start.
        BundleInvalid: it cannot read the model.
    """
    coarse = limits(model).get("psnr", np.inf) <= BF16_PSNR
    precision = "bf16" if device == OPENVINO and coarse and computes_bf16() else "f32"
    return OpenVINOSession(graph, where, precision, threads)
