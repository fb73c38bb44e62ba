"""The CUDA calls that TensorRT needs, through NVIDIA's `cuda.bindings`, without PyTorch."""

from typing import Any

from numpy.typing import NDArray

from pgen.errors import DeviceUnavailable
from pokegan.errors import one_line
from pokegan.extras import needs_extra


class CudaFailed(DeviceUnavailable):
    """A CUDA call failed."""


class Cuda:
    """The first visible GPU (see ``CUDA_VISIBLE_DEVICES``).

    Attributes:
        gpu: name, such as "NVIDIA H100 80GB HBM3".
        capability: compute capability, such as (9, 0).
    """

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        properties = self._call("cudaGetDeviceProperties", 0)
        self.gpu: str = properties.name.split(b"\0")[0].decode()
        self.capability: tuple[int, int] = (properties.major, properties.minor)

    def allocate(self, size: int) -> int:
        """Allocate `size` bytes on the GPU and return their address."""
        return int(self._call("cudaMalloc", max(1, size)))

    def free(self, address: int) -> None:
        """Free what :meth:`allocate` returned."""
        self._call("cudaFree", address)

    def stream(self) -> Any:
        """Create a stream; the default stream cannot be captured, and TensorRT synchronizes on it."""
        return self._call("cudaStreamCreateWithFlags", self._runtime.cudaStreamNonBlocking)

    def close_stream(self, stream: Any) -> None:
        """Destroy a stream."""
        self._call("cudaStreamDestroy", stream)

    def upload(self, address: int, array: NDArray[Any], stream: Any) -> None:
        """Queue a copy of a contiguous `array` to the GPU; the array must exist until :meth:`wait`."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call("cudaMemcpyAsync", address, array.ctypes.data, array.nbytes, kind, stream)

    def download(self, array: NDArray[Any], address: int, stream: Any) -> None:
        """Queue a copy from the GPU into a contiguous `array`, which holds the values after :meth:`wait`."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call("cudaMemcpyAsync", array.ctypes.data, address, array.nbytes, kind, stream)

    def wait(self, stream: Any) -> None:
        """Wait until `stream` has no more work."""
        self._call("cudaStreamSynchronize", stream)

    def begin_capture(self, stream: Any) -> None:
        """Start to capture the calls on `stream`, which are then not executed."""
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaStreamBeginCapture", stream, mode)

    def end_capture(self, stream: Any) -> Any:
        """Stop capturing and return the graph."""
        graph = self._call("cudaStreamEndCapture", stream)
        try:
            return self._call("cudaGraphInstantiate", graph, 0)
        finally:
            self._call("cudaGraphDestroy", graph)

    def launch(self, graph: Any, stream: Any) -> None:
        """Queue a graph."""
        self._call("cudaGraphLaunch", graph, stream)

    def close_graph(self, graph: Any) -> None:
        """Destroy a graph."""
        self._call("cudaGraphExecDestroy", graph)

    def _call(self, name: str, *arguments: Any) -> Any:
        status, *values = getattr(self._runtime, name)(*arguments)
        if int(status) != 0:
            what = f"{name}, {int(status)}: {_reason(self._runtime, status)}"
            raise CudaFailed(f"{getattr(self, 'gpu', 'GPU')}: CUDA failed ({what}); a smaller batch needs less memory")
        return values[0] if values else None


def _reason(runtime: Any, status: Any) -> str:
    _, text = runtime.cudaGetErrorString(status)
    return str(text.decode())


def open_cuda() -> Cuda:
    """Open the GPU.

    Raises:
        MissingExtra: `cuda.bindings` is not installed.
        DeviceUnavailable: there is no GPU, or no driver for it.
    """
    with needs_extra("tensorrt"):
        from cuda.bindings import runtime
    try:
        status, count = runtime.cudaGetDeviceCount()
        reason = _reason(runtime, status) if int(status) else "none found"
    except RuntimeError as error:  # a driver's library that cannot be loaded
        count, reason = 0, one_line(error)
    if not count:
        remedy = "install NVIDIA's driver (nvidia-smi tells whether it works), or use a machine with a GPU"
        raise DeviceUnavailable(f"TensorRT: no NVIDIA GPU that CUDA can use ({reason}); {remedy}")
    return Cuda(runtime)
