"""Sessions of TensorRT engines, with the interface of ONNX Runtime's sessions and without PyTorch.

Written against the bindings of TensorRT 10 and 11; it has never run on real TensorRT, see the README.
"""

import threading
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pgen.backends.registry import Device
from pgen.backends.tensorrt.cuda import Cuda, CudaFailed, open_cuda
from pgen.bundle.engines import EngineInfo, check_runs, plan_path, read_engine
from pgen.bundle.reader import Bundle, Model
from pgen.errors import DeviceUnavailable, EngineInvalid, EngineOutdated
from pokegan.errors import MissingExtra, one_line
from pokegan.extras import needs_extra

if TYPE_CHECKING:
    import tensorrt

Arrays = dict[str, NDArray[Any]]
Shapes = dict[str, tuple[int, ...]]


def check_tensorrt() -> None:
    """Check that TensorRT can be imported.

    Raises:
        MissingExtra: it is not installed.
        DeviceUnavailable: it is installed without its libraries.
    """
    remedy = "install it with its libraries: pip install --force-reinstall 'pokegan[tensorrt]'"
    try:
        with needs_extra("tensorrt"):
            import tensorrt
    except MissingExtra:
        raise
    except (ImportError, OSError) as error:
        raise DeviceUnavailable(f"TensorRT: cannot be imported ({one_line(error)}); {remedy}") from error
    if not hasattr(tensorrt, "Runtime"):  # a folder without code, such as type stubs
        raise DeviceUnavailable(f"TensorRT: the package that is installed is incomplete; {remedy}")


def collecting_logger() -> Any:
    """Make a logger that appends errors to its list `errors` and prints nothing."""
    import tensorrt as trt

    class Collecting(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, msg: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(" ".join(msg.split()))

    return Collecting()


def why(logger: Any) -> str:
    """Return TensorRT's first error, which caused the later ones, shortened to fit a line."""
    return str(logger.errors[0])[:300] if logger.errors else "no reason given"


class _Lane:
    """An execution context with its buffers bound; a CUDA graph needs one for itself."""

    def __init__(self, engine: "tensorrt.ICudaEngine", addresses: dict[str, int], where: str) -> None:
        self.where = where
        self.context = engine.create_execution_context()
        if self.context is None:
            raise EngineInvalid(f"{where}: TensorRT cannot make a context for it; is the GPU's memory full?")
        for name, address in addresses.items():
            self.context.set_tensor_address(name, address)

    def shape(self, shapes: Shapes) -> None:
        for name, shape in shapes.items():
            if not self.context.set_input_shape(name, shape):
                raise EngineInvalid(f"{self.where}: {name} of shape {shape} is outside its profile")

    def sizes(self, outputs: Sequence[str]) -> Shapes:
        return {name: _shape(self.context.get_tensor_shape(name)) for name in outputs}

    def queue(self, stream: Any) -> None:
        if not self.context.execute_async_v3(int(stream)):
            raise DeviceUnavailable(f"{self.where}: TensorRT could not run it; is the GPU's memory full?")


class TensorRTSession:
    """One engine on one GPU, for any batch: larger ones than the profile's are split, smaller ones are padded.

    The profile's usual shape runs as a CUDA graph, which is captured when the shape first occurs.
    """

    def __init__(self, plan: bytes, info: EngineInfo, cuda: Cuda, bundle: Bundle) -> None:
        import tensorrt as trt

        where = str(plan_path(bundle, info.model))
        self.where, self._cuda = where, cuda
        self._lock = threading.Lock()  # contexts and buffers serve one call at a time
        self._logger = collecting_logger()
        self._runtime = started(trt.Runtime, self._logger)
        # A version-compatible plan contains TensorRT's lean runtime, which is host code.
        self._runtime.engine_host_code_allowed = info.options.version_compatible
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            fault = f"{where}: TensorRT cannot load it ({why(self._logger)})"
            raise EngineOutdated(fault, bundle.folder, info.options)
        self._engine = engine
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        nptype: Any = trt.nptype  # its stub has no types
        self._dtypes = {name: np.dtype(nptype(engine.get_tensor_dtype(name))) for name in names}
        inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        self._outputs = [name for name in names if name not in inputs]
        shapes = {name: engine.get_tensor_profile_shape(name, 0) for name in inputs}
        least, self._usual, most = ({name: _shape(shapes[name][at]) for name in inputs} for at in range(3))
        self._least, self._most = (next(iter(bound.values()))[0] for bound in (least, most))
        self._graph: Any = None
        self._graph_lane: _Lane | None = None
        self._stack = ExitStack()
        self.close = weakref.finalize(self, self._stack.close)
        self._stream = cuda.stream()
        self._stack.callback(cuda.close_stream, self._stream)
        self._addresses = self._allocate(most)
        self._lane = _Lane(engine, self._addresses, where)

    def _allocate(self, most: Shapes) -> dict[str, int]:
        """Allocate buffers for the largest shapes; those of the outputs follow from the inputs."""
        measure = _Lane(self._engine, {}, self.where)
        measure.shape(most)
        addresses = {}
        for name, shape in (most | measure.sizes(self._outputs)).items():
            addresses[name] = self._cuda.allocate(int(np.prod(shape)) * self._dtypes[name].itemsize)
            self._stack.callback(self._cuda.free, addresses[name])
        return addresses

    def get_providers(self) -> list[str]:
        """Name the runtime."""
        return ["TensorRT"]

    def run(self, outputs: Sequence[str], feeds: Arrays) -> list[NDArray[Any]]:
        """Run the engine on `feeds`, whose first dimension is the batch, and return the named outputs.

        Raises:
            ValueError: an input is missing, unknown, or has another dtype.
            EngineInvalid: a shape, other than the batch, is outside the profile.
            DeviceUnavailable: the GPU failed.
        """
        self._check(outputs, feeds)
        rows = len(next(iter(feeds.values())))
        with self._lock:
            parts = [
                self._run_part(outputs, {name: array[at : at + self._most] for name, array in feeds.items()})
                for at in range(0, rows, self._most)
            ]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]

    def _check(self, outputs: Sequence[str], feeds: Arrays) -> None:
        if set(feeds) != set(self._usual) or not set(outputs) <= set(self._outputs):
            raise ValueError(f"{self.where}: takes {sorted(self._usual)} and gives {sorted(self._outputs)}")
        for name, array in feeds.items():
            if array.dtype != self._dtypes[name]:
                raise ValueError(f"{self.where}: {name} is {array.dtype}, but the engine takes {self._dtypes[name]}")

    def _run_part(self, outputs: Sequence[str], feeds: Arrays) -> list[NDArray[Any]]:
        rows = len(next(iter(feeds.values())))
        # A variable, because the arrays must exist until the stream has copied them.
        whole = {name: _filled(array, self._least) for name, array in feeds.items()}
        for name, array in whole.items():
            self._cuda.upload(self._addresses[name], array, self._stream)
        shapes = {name: array.shape for name, array in whole.items()}
        sizes = self._queue_usual() if shapes == self._usual else self._queue(shapes)
        results = [np.empty(sizes[name], self._dtypes[name]) for name in outputs]
        for name, array in zip(outputs, results, strict=True):
            self._cuda.download(array, self._addresses[name], self._stream)
        self._cuda.wait(self._stream)
        return [array[:rows] for array in results]

    def _queue(self, shapes: Shapes) -> Shapes:
        self._lane.shape(shapes)
        self._lane.queue(self._stream)
        return self._lane.sizes(self._outputs)

    def _queue_usual(self) -> Shapes:
        """Queue the usual shape: as a CUDA graph, or without one if the engine cannot be captured."""
        if self._graph_lane is None:
            self._graph_lane = _Lane(self._engine, self._addresses, self.where)
            self._graph_lane.shape(self._usual)
            self._capture(self._graph_lane)
        if self._graph is None:
            self._graph_lane.queue(self._stream)
        else:
            self._cuda.launch(self._graph, self._stream)
        return self._graph_lane.sizes(self._outputs)

    def _capture(self, lane: _Lane) -> None:
        lane.queue(self._stream)  # the first run after a change of shape may make calls that cannot be captured
        self._cuda.wait(self._stream)
        self._cuda.begin_capture(self._stream)
        captured = bool(lane.context.execute_async_v3(int(self._stream)))
        try:
            graph = self._cuda.end_capture(self._stream)
        except CudaFailed:
            return
        self._stack.callback(self._cuda.close_graph, graph)
        self._graph = graph if captured else None


def _shape(dims: Any) -> tuple[int, ...]:
    """Convert TensorRT's Dims, which its stub does not declare as a sequence, to a tuple."""
    return tuple(dims)


def _filled(array: NDArray[Any], rows: int) -> NDArray[Any]:
    """Pad an array to at least `rows` rows with copies of the last one; the result is contiguous."""
    missing = rows - len(array)
    return np.ascontiguousarray(np.concatenate([array, np.repeat(array[-1:], missing, 0)]) if missing > 0 else array)


def started(kind: Any, logger: Any) -> Any:
    """Make a TensorRT Runtime or Builder.

    Raises:
        DeviceUnavailable: CUDA does not start; the bindings then raise TypeError ("returned nullptr").
    """
    try:
        return kind(logger)
    except TypeError as error:
        raise DeviceUnavailable(f"TensorRT: does not start ({why(logger)}); is the GPU's driver new enough?") from error


def probe(device: Device) -> None:
    """Check that TensorRT and a GPU work; errors as :func:`check_tensorrt` and :func:`open_cuda`."""
    check_tensorrt()
    open_cuda()


def open_model(bundle: Bundle, model: Model, device: Device, threads: int) -> TensorRTSession:
    """Open the TensorRT engine of `model`.

    Raises:
        MissingExtra, DeviceUnavailable: TensorRT or the GPU is missing.
        BundleNotFound: no engine was built.
        EngineInvalid: it is damaged, or was built for another model file, TensorRT or GPU.
    """
    name = next(name for name, entry in bundle.manifest.models.items() if entry is model)
    info, plan = read_engine(bundle, name)
    check_tensorrt()
    import tensorrt as trt

    cuda = open_cuda()
    check_runs(bundle, info, trt.__version__, cuda.gpu, cuda.capability)
    return TensorRTSession(plan, info, cuda, bundle)
