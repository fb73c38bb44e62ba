"""A stand-in for the module `tensorrt` that enforces the documented order of calls and their types.

An "engine" is a header and the ONNX file, run by ONNX Runtime on the CPU. Misuse raises :class:`Misuse`; what
real TensorRT answers with None, False or TypeError is answered so. Names and signatures are those of the
bindings of 10.16 and 11.4; `Fake(version)` lacks what that version lacks.
"""

import json
from enum import IntEnum
from typing import Any

import numpy as np
import onnx
import onnxruntime

from pgexport.targets.tensorrt.operators import unread
from tests.export.targets.fake_cuda import FakeCuda

DTYPES = {"FLOAT": np.float32, "HALF": np.float16, "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8}


class Misuse(AssertionError):
    """TensorRT was called in a way that it does not document."""


def need(condition: object, what: str) -> None:
    if not condition:
        raise Misuse(what)


class Severity(IntEnum):
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class ILogger:
    Severity = Severity
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = Severity

    def __init__(self) -> None:
        self.started = True

    def log(self, severity: Severity, msg: str) -> None:
        raise NotImplementedError


class DataType(IntEnum):
    FLOAT, HALF, INT8, INT32, BOOL, UINT8 = range(6)
    INT64 = 8


class TensorIOMode(IntEnum):
    NONE, INPUT, OUTPUT = range(3)


class MemoryPoolType(IntEnum):
    WORKSPACE = 0


class BuilderFlag(IntEnum):
    TF32, VERSION_COMPATIBLE = range(2)


class HardwareCompatibilityLevel(IntEnum):
    NONE, AMPERE_PLUS, SAME_COMPUTE_CAPABILITY = range(3)


class NetworkDefinitionCreationFlag10(IntEnum):
    EXPLICIT_BATCH, STRONGLY_TYPED = range(2)


class NetworkDefinitionCreationFlag11(IntEnum):
    STRONGLY_TYPED = 0


class Memory(bytes):
    """IHostMemory: a buffer."""


class Tensor:
    def __init__(self, value: onnx.ValueInfoProto) -> None:
        kind = value.type.tensor_type
        self.name = value.name
        self.shape = tuple(size.dim_value or -1 for size in kind.shape.dim)
        self.dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))


class Network:
    def __init__(self, strongly_typed: bool) -> None:
        self.strongly_typed, self.onnx = strongly_typed, b""
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []

    @property
    def num_inputs(self) -> int:
        return len(self.inputs)

    def get_input(self, index: int) -> Tensor:
        return self.inputs[index]


class ParserError:
    def __init__(self, desc: str) -> None:
        self._desc = desc

    def desc(self) -> str:
        return self._desc

    def node_name(self) -> str:
        return "node_1"


class OnnxParser:
    def __init__(self, network: Network, logger: ILogger) -> None:
        need(isinstance(network, Network), "OnnxParser takes a network")
        need(isinstance(logger, ILogger), "OnnxParser takes a logger")
        self._network, self._errors = network, []  # type: ignore[var-annotated]

    def parse(self, model: bytes, path: str | None = None) -> bool:
        need(isinstance(model, bytes), "parse takes the model's content")
        need(not self._network.onnx, "a network is parsed once")
        try:
            proto = onnx.load_from_string(model)
        except Exception as error:
            self._errors.append(ParserError(str(error)))
            return False
        if reason := unread(proto):
            self._errors.append(ParserError(f"No importer registered\nfor: {', '.join(sorted(reason))}"))
            return False
        self._network.onnx = model
        self._network.inputs = [Tensor(value) for value in proto.graph.input]
        self._network.outputs = [Tensor(value) for value in proto.graph.output]
        return True

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]  # type: ignore[no-any-return]


class Dims(tuple[int, ...]):
    def __new__(cls, shape: list[int]) -> "Dims":
        need(isinstance(shape, list | tuple) and all(type(size) is int for size in shape), "Dims are of int")
        return super().__new__(cls, shape)


class Profile:
    def __init__(self) -> None:
        self.shapes: dict[str, list[tuple[int, ...]]] = {}

    def set_shape(self, input: str, min: Dims, opt: Dims, max: Dims) -> None:
        for shape in (min, opt, max):
            need(isinstance(shape, Dims), "shapes are Dims")
        if not len(min) == len(opt) == len(max) or not all(a <= b <= c for a, b, c in zip(min, opt, max, strict=True)):
            raise ValueError("inconsistent shapes")
        self.shapes[input] = [min, opt, max]


class TimingCache:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def serialize(self) -> Memory:
        return Memory(self.content)


class Config:
    def __init__(self) -> None:
        self.flags = {BuilderFlag.TF32}
        self.pools: dict[MemoryPoolType, int] = {}
        self.profiles: list[Profile] = []
        self.cache: TimingCache | None = None
        self._level = HardwareCompatibilityLevel.NONE

    def set_flag(self, flag: BuilderFlag) -> None:
        need(isinstance(flag, BuilderFlag), "set_flag takes a BuilderFlag")
        self.flags.add(flag)

    def clear_flag(self, flag: BuilderFlag) -> None:
        need(isinstance(flag, BuilderFlag), "clear_flag takes a BuilderFlag")
        self.flags.discard(flag)

    def set_memory_pool_limit(self, pool: MemoryPoolType, pool_size: int) -> None:
        need(isinstance(pool, MemoryPoolType) and isinstance(pool_size, int), "a pool and bytes")
        self.pools[pool] = pool_size

    @property
    def hardware_compatibility_level(self) -> HardwareCompatibilityLevel:
        return self._level

    @hardware_compatibility_level.setter
    def hardware_compatibility_level(self, level: HardwareCompatibilityLevel) -> None:
        need(isinstance(level, HardwareCompatibilityLevel), "a HardwareCompatibilityLevel")
        self._level = level

    def add_optimization_profile(self, profile: Profile) -> int:
        need(isinstance(profile, Profile), "a profile")
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: bytes) -> TimingCache:
        need(isinstance(serialized_timing_cache, bytes), "a timing cache is bytes")
        return TimingCache(serialized_timing_cache)

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        need(isinstance(cache, TimingCache) and isinstance(ignore_mismatch, bool), "a cache and a bool")
        if cache.content and not cache.content.startswith(b"measured"):
            return False
        self.cache = cache
        return True

    def get_timing_cache(self) -> TimingCache | None:
        return self.cache


class Context:
    """Queues its work on a fake stream; shapes and addresses are taken when it is queued."""

    def __init__(self, engine: "Engine") -> None:
        self.engine = engine
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self._ran: dict[str, tuple[int, ...]] | None = None

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        need(self.engine.get_tensor_mode(name) is TensorIOMode.INPUT, f"{name} is no input")
        need(isinstance(shape, tuple | list), "a shape is a tuple or list")
        least, _, most = self.engine.profile[name]
        if len(shape) != len(least) or not all(a <= b <= c for a, b, c in zip(least, shape, most, strict=True)):
            return False
        self._shapes[name] = tuple(shape)
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        need(set(self._shapes) == set(self.engine.profile), "shapes of outputs follow from those of all inputs")
        if name in self._shapes:
            return self._shapes[name]
        batch = {shape[0] for shape in self._shapes.values()}
        need(len(batch) == 1, "inputs of different batches")
        return tuple(batch.pop() if size == -1 else size for size in self.engine.shape(name))

    def set_tensor_address(self, name: str, memory: int) -> bool:
        need(isinstance(memory, int), "an address is a number")
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        fake = self.engine.fake
        need(isinstance(stream_handle, int) and stream_handle in fake.cuda.streams, "a handle of a stream that is open")
        need(set(self._shapes) == set(self.engine.profile), "set_input_shape for every input first")
        need(set(self._addresses) == set(self.engine.names), "set_tensor_address for every input and output first")
        stream = fake.cuda.streams[stream_handle]
        if stream.capturing is not None:
            need(self._ran == self._shapes, "run once with these shapes before capturing")
            need(not stream.queue, "wait before capturing")
            self.captured = True
        else:
            captured = getattr(self, "captured", False)
            need(not captured or self._ran == self._shapes, "a captured context serves its graph alone")
        self._ran = dict(self._shapes)
        shapes, addresses = dict(self._shapes), dict(self._addresses)
        fake.cuda.enqueue(stream, lambda: self._compute(shapes, addresses))
        return True

    def _compute(self, shapes: dict[str, tuple[int, ...]], addresses: dict[str, int]) -> None:
        memory = self.engine.fake.cuda.memory
        feeds = {}
        for name, shape in shapes.items():
            dtype = self.engine.dtype(name)
            size = int(np.prod(shape)) * dtype.itemsize
            feeds[name] = memory[addresses[name]][:size].view(dtype).reshape(shape).copy()
        outputs = [name for name in self.engine.names if name not in shapes]
        for name, value in zip(outputs, self.engine.session.run(outputs, feeds), strict=True):
            # An engine that computes wrongly, for the tests of parity.
            flat = np.ascontiguousarray(value[::-1] if self.engine.fake.wrong else value)
            if name == self.engine.fake.off_by_one:
                flat = flat + flat.dtype.type(1)
            memory[addresses[name]][: flat.nbytes] = flat.reshape(-1).view(np.uint8)


class Engine:
    def __init__(self, fake: "Fake", header: dict[str, Any], model: bytes) -> None:
        self.fake = fake
        self.profile = {name: [tuple(shape) for shape in shapes] for name, shapes in header["profile"].items()}
        graph = onnx.load_from_string(model).graph
        self._inputs = {value.name: Tensor(value) for value in graph.input}
        self._tensors = self._inputs | {value.name: Tensor(value) for value in graph.output}
        self.names = list(self._tensors)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    num_io_tensors = property(lambda self: len(self.names))

    def get_tensor_name(self, index: int) -> str:
        return self.names[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name in self._inputs else TensorIOMode.OUTPUT

    def dtype(self, name: str) -> np.dtype[Any]:
        return self._tensors[name].dtype

    def get_tensor_dtype(self, name: str) -> DataType:
        return next(DataType[word] for word, dtype in DTYPES.items() if dtype == self.dtype(name))

    def shape(self, name: str) -> tuple[int, ...]:
        return self._tensors[name].shape

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[tuple[int, ...]]:
        need(profile_index == 0 and name in self._inputs, "an input and the only profile")
        return self.profile[name]

    def create_execution_context(self) -> Context | None:
        return None if self.fake.cuda.full else Context(self)


class Builder:
    fake: "Fake"

    def __init__(self, logger: ILogger) -> None:
        need(isinstance(logger, ILogger) and logger.started, "a logger whose __init__ ran")
        if not self.fake.cuda.count:
            logger.log(Severity.ERROR, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")
        self._logger = logger

    def create_network(self, flags: int = 0) -> Network:
        need(isinstance(flags, int), "flags are a number")
        return Network(self.fake.eleven or bool(flags >> 1 & 1))

    def create_builder_config(self) -> Config:
        self.fake.configs.append(Config())
        return self.fake.configs[-1]

    def create_optimization_profile(self) -> Profile:
        return Profile()

    def build_serialized_network(self, network: Network, config: Config) -> Memory | None:
        need(isinstance(network, Network) and isinstance(config, Config), "a network and a config")
        need(network.onnx, "parse before building")
        need(network.strongly_typed, "a strongly typed network")
        need(len(config.profiles) == 1, "dynamic inputs need a profile")
        shapes = config.profiles[0].shapes
        need(set(shapes) == {tensor.name for tensor in network.inputs}, "a shape for every dynamic input")
        for tensor in network.inputs:
            for shape in shapes[tensor.name]:
                need(len(shape) == len(tensor.shape), f"rank of {tensor.name}")
                fixed = zip(tensor.shape, shape, strict=True)
                need(all(size in (-1, requested) for size, requested in fixed), f"fixed sizes of {tensor.name}")
        if self.fake.fails:
            self._logger.log(Severity.ERROR, "Could not find any implementation\nfor node conv1.")
            self._logger.log(Severity.ERROR, "a later error that follows from it")
            return None
        if config.cache:
            config.cache.content += b"measured;"
        header = {
            "profile": shapes,
            "version": self.fake.__version__,
            "host_code": BuilderFlag.VERSION_COMPATIBLE in config.flags,
        }
        return Memory(json.dumps(header).encode() + b"\0" + network.onnx)


class Runtime:
    fake: "Fake"
    engine_host_code_allowed = False

    def __init__(self, logger: ILogger) -> None:
        need(isinstance(logger, ILogger) and logger.started, "a logger whose __init__ ran")
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> Engine | None:
        need(isinstance(serialized_engine, bytes), "a plan is bytes")
        header, _, model = serialized_engine.partition(b"\0")
        values = json.loads(header)
        if values["host_code"] and not self.engine_host_code_allowed:
            self._logger.log(Severity.ERROR, "engine host code is not allowed")
            return None
        if values["version"] != self.fake.__version__ and not values["host_code"]:
            self._logger.log(Severity.ERROR, "The engine plan file is not compatible with this version")
            return None
        return Engine(self.fake, values, model)


class Fake:
    """The module. `version` is TensorRT's, `cuda` the GPU below it; `wrong` makes engines compute wrongly,
    `off_by_one` names an output that is one too many."""

    ILogger, OnnxParser, Dims = ILogger, OnnxParser, Dims
    DataType, TensorIOMode, MemoryPoolType = DataType, TensorIOMode, MemoryPoolType
    BuilderFlag, HardwareCompatibilityLevel = BuilderFlag, HardwareCompatibilityLevel

    def __init__(self, version: str, cuda: FakeCuda) -> None:
        self.__version__, self.cuda, self.wrong, self.fails = version, cuda, False, False
        self.off_by_one = ""
        self.configs: list[Config] = []
        self.eleven = int(version.split(".")[0]) >= 11
        self.NetworkDefinitionCreationFlag = (
            NetworkDefinitionCreationFlag11 if self.eleven else NetworkDefinitionCreationFlag10
        )
        self.Builder = type("Builder", (Builder,), {"fake": self})
        self.Runtime = type("Runtime", (Runtime,), {"fake": self})

    @staticmethod
    def nptype(trt_type: DataType) -> type:
        need(isinstance(trt_type, DataType), "nptype takes a DataType")
        return DTYPES[trt_type.name]
