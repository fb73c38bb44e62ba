"""A stand-in for `cuda.bindings.runtime`: memory on the host, and streams that run only when waited for.

What is queued too early, freed too soon or captured wrongly therefore gives wrong numbers or raises.
"""

import ctypes
from collections.abc import Callable
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import numpy as np

Task = Callable[[], None]


class cudaError_t(IntEnum):
    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2
    cudaErrorNoDevice = 100
    cudaErrorStreamCaptureUnsupported = 900
    cudaErrorStreamCaptureInvalidated = 901


class cudaMemcpyKind(IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class cudaStreamCaptureMode(IntEnum):
    cudaStreamCaptureModeGlobal = 0
    cudaStreamCaptureModeThreadLocal = 1


OK = cudaError_t.cudaSuccess


class Stream:
    def __init__(self, handle: int) -> None:
        self.handle, self.queue, self.capturing = handle, [], None

    def __int__(self) -> int:
        return self.handle

    queue: list[Task]
    capturing: list[Task] | None


class FakeCuda:
    """One GPU; `launches` counts graphs that were run."""

    cudaMemcpyKind, cudaStreamCaptureMode = cudaMemcpyKind, cudaStreamCaptureMode
    cudaStreamNonBlocking = 1

    def __init__(self, name: bytes = b"Fake GPU", capability: tuple[int, int] = (9, 0), count: int = 1) -> None:
        self.name, self.capability, self.count = name, capability, count
        self.memory: dict[int, np.ndarray[Any, Any]] = {}
        self.streams: dict[int, Stream] = {}
        self.launches, self.graphs, self.capturable, self.full = 0, 0, True, False

    def cudaGetErrorString(self, error: cudaError_t) -> tuple[Any, ...]:
        return OK, error.name.encode()

    def cudaGetDeviceCount(self) -> tuple[Any, ...]:
        return (OK, self.count) if self.count else (cudaError_t.cudaErrorNoDevice, None)

    def cudaGetDeviceProperties(self, device: int) -> tuple[Any, ...]:
        assert device == 0
        padded = self.name.ljust(256, b"\0")
        return OK, SimpleNamespace(name=padded, major=self.capability[0], minor=self.capability[1])

    def cudaMalloc(self, size: int) -> tuple[Any, ...]:
        assert not any(stream.capturing is not None for stream in self.streams.values())
        if self.full:
            return cudaError_t.cudaErrorMemoryAllocation, None
        block = np.full(size, 0xA5, np.uint8)
        self.memory[block.ctypes.data] = block
        return OK, block.ctypes.data

    def cudaFree(self, address: int) -> tuple[Any, ...]:
        del self.memory[address]
        return (OK,)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any, ...]:
        assert flags == self.cudaStreamNonBlocking
        stream = Stream(1000 + len(self.streams))
        self.streams[int(stream)] = stream
        return OK, stream

    def cudaStreamDestroy(self, stream: Stream) -> tuple[Any, ...]:
        del self.streams[int(stream)]
        return (OK,)

    def cudaMemcpyAsync(self, to: int, start: int, size: int, kind: cudaMemcpyKind, stream: Stream) -> tuple[Any, ...]:
        device = to if kind is cudaMemcpyKind.cudaMemcpyHostToDevice else start
        assert len(self.memory[device]) >= size, "past the end of the buffer"
        self.enqueue(stream, lambda: ctypes.memmove(to, start, size) and None)
        return (OK,)

    def enqueue(self, stream: Stream, task: Task) -> None:
        (stream.queue if stream.capturing is None else stream.capturing).append(task)

    def cudaStreamSynchronize(self, stream: Stream) -> tuple[Any, ...]:
        if stream.capturing is not None:
            return (cudaError_t.cudaErrorStreamCaptureUnsupported,)
        for task in stream.queue:
            task()
        stream.queue.clear()
        return (OK,)

    def cudaStreamBeginCapture(self, stream: Stream, mode: cudaStreamCaptureMode) -> tuple[Any, ...]:
        assert isinstance(mode, cudaStreamCaptureMode)
        assert stream.capturing is None
        stream.capturing = []
        return (OK,)

    def cudaStreamEndCapture(self, stream: Stream) -> tuple[Any, ...]:
        tasks, stream.capturing = stream.capturing, None
        assert tasks is not None
        return (OK, tasks) if self.capturable else (cudaError_t.cudaErrorStreamCaptureInvalidated, None)

    def cudaGraphInstantiate(self, graph: list[Task], flags: int) -> tuple[Any, ...]:
        self.graphs += 1
        return OK, tuple(graph)

    def cudaGraphDestroy(self, graph: list[Task]) -> tuple[Any, ...]:
        graph.clear()
        return (OK,)

    def cudaGraphExecDestroy(self, graph: tuple[Task, ...]) -> tuple[Any, ...]:
        self.graphs -= 1
        return (OK,)

    def cudaGraphLaunch(self, graph: tuple[Task, ...], stream: Stream) -> tuple[Any, ...]:
        self.launches += 1
        for task in graph:
            self.enqueue(stream, task)
        return (OK,)
