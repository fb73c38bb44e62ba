"""TensorRT engines of a bundle's models, built from their ONNX files and compared with ONNX Runtime.

Needs the extra ``tensorrt`` and an NVIDIA GPU, neither PyTorch nor a run. Precision is the graph's: networks
are strongly typed, and TF32 is off, so that a float32 graph computes in float32. Written against the bindings
of TensorRT 10 and 11; it has never run on real TensorRT, see the README.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pgen.backends.base import Session
from pgen.backends.devices import open_model
from pgen.backends.tensorrt.cuda import Cuda, open_cuda
from pgen.backends.tensorrt.session import TensorRTSession, check_tensorrt, collecting_logger, started, why
from pgen.bundle.engines import FOLDER, EngineInfo, EngineOptions, Profile, profile_of
from pgen.bundle.reader import Bundle, Model, open_bundle
from pgen.errors import DeviceUnavailable
from pgexport.atomic import atomic_folder
from pgexport.errors import EngineFailed
from pgexport.kinds import KINDS
from pgexport.metrics import cosine
from pgexport.targets.tensorrt.operators import check_read
from pokegan.extras import needs_extra
from pokegan.files import atomic_write

if TYPE_CHECKING:
    import tensorrt as trt

CLOSE = {
    "float32": {"pixels": 1.0, "cosine": 0.9999, "equal": 1.0},
    "narrower": {"pixels": 8.0, "cosine": 0.99, "equal": 1.0},
}
"""Limits of an engine against ONNX Runtime on the same graph, by the graph's arithmetic.

pixels: 99.9 % of channels differ by at most so much of 255; cosine: of the worst row; equal: share of equal
integers in rows of stats.
"""


def ready() -> Cuda:
    """Check that engines can be built here, and return the GPU.

    Raises:
        MissingExtra, DeviceUnavailable: TensorRT, a GPU, or ONNX Runtime to compare with is missing.
    """
    check_tensorrt()
    with needs_extra("cpu"):
        import onnxruntime  # noqa: F401
    return open_cuda()


def build_engines(folder: Path, options: EngineOptions) -> dict[str, EngineInfo]:
    """Build an engine for each model of the bundle in `folder`; once all passed, they replace its folder engines/.

    Raises:
        MissingExtra, DeviceUnavailable: TensorRT or a GPU is missing.
        BundleNotFound, BundleInvalid: there is no bundle, or it is damaged.
        GraphUnread: TensorRT does not read one of the graphs; nothing was built.
        EngineFailed: TensorRT cannot build an engine, or the engine differs from ONNX Runtime.
        TargetInvalid: the engines cannot be written.
    """
    bundle = open_bundle(folder)
    cuda = ready()
    if options.hardware_compatible and cuda.capability < (8, 0):
        raise DeviceUnavailable(f"{cuda.gpu}: hardware-compatible engines need a GPU from Ampere on")
    for name, model in bundle.manifest.models.items():
        check_read(name, bundle.graph(model))
    built = {name: _build(bundle, name, options, cuda) for name in bundle.manifest.models}
    with atomic_folder(bundle.folder / FOLDER) as staged:
        for name, (info, plan) in built.items():
            (staged / f"{name}.plan").write_bytes(plan)
            (staged / f"{name}.json").write_text(info.to_json(), "utf-8")
    return {name: info for name, (info, _) in built.items()}


def _build(bundle: Bundle, name: str, options: EngineOptions, cuda: Cuda) -> tuple[EngineInfo, bytes]:
    import tensorrt as trt

    model = bundle.manifest.models[name]
    onnx = bundle.graph(model)
    profile = profile_of(model, options.batches)
    plan = build_plan(onnx, model.file, profile, options, cuda)
    info = EngineInfo(
        model=name,
        tensorrt=trt.__version__,
        gpu=cuda.gpu,
        compute_capability=".".join(map(str, cuda.capability)),
        profile=profile,
        onnx_sha256=hashlib.sha256(onnx).hexdigest(),
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        options=options,
        parity={},
    )
    engine = TensorRTSession(plan, info, cuda, bundle)
    info.parity.update(_compare(engine, _reference(bundle, model), bundle, model, options))
    engine.close()
    return info, plan


def _reference(bundle: Bundle, model: Model) -> Session:
    """Open a model in ONNX Runtime on the CPU, where bf16 must be emulated."""
    if model.parity.get("storage") == "bf16":
        with needs_extra("export"):
            from pgexport.precision.bf16_emulation import checkable
        bundle = checkable(bundle)
    return open_model(bundle, model, "cpu")


def build_plan(onnx: bytes, name: str, profile: Profile, options: EngineOptions, cuda: Cuda) -> bytes:
    """Build one engine from the content of an ONNX file; `name` is for messages.

    Raises:
        EngineFailed: TensorRT cannot read the graph or cannot build it.
        DeviceUnavailable: TensorRT does not start.
    """
    import tensorrt as trt

    logger = collecting_logger()
    builder: trt.Builder = started(trt.Builder, logger)
    # TensorRT 11 knows no other networks and ignores the flag.
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(onnx):
        raise EngineFailed(f"{name}: TensorRT cannot read it ({_reason(parser)}); export its run with float32 storage")
    config = builder.create_builder_config()
    _configure(config, options)
    config.add_optimization_profile(_profile(builder, network, name, profile))
    with _timing_cache(config, cuda):
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineFailed(f"{name}: TensorRT cannot build it ({why(logger)}); try more workspace or smaller batches")
    return bytes(plan)


def _reason(parser: "trt.OnnxParser") -> str:
    if not parser.num_errors:
        return "no reason given"
    error = parser.get_error(0)
    return " ".join(f"{error.node_name()}: {error.desc()}".split())[:300]


def _configure(config: "trt.IBuilderConfig", options: EngineOptions) -> None:
    import tensorrt as trt

    config.clear_flag(trt.BuilderFlag.TF32)
    if options.workspace:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace << 20)
    if options.version_compatible:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    if options.hardware_compatible:
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS


def _profile(
    builder: "trt.Builder", network: "trt.INetworkDefinition", name: str, shapes: Profile
) -> "trt.IOptimizationProfile":
    import tensorrt as trt

    inputs = {network.get_input(index).name for index in range(network.num_inputs)}
    if inputs != set(shapes):
        raise EngineFailed(f"{name}: has inputs {sorted(inputs)}, its manifest {sorted(shapes)}; export it again")
    profile = builder.create_optimization_profile()
    for tensor, (least, usual, most) in shapes.items():
        profile.set_shape(tensor, trt.Dims(least), trt.Dims(usual), trt.Dims(most))
    return profile


@contextmanager
def _timing_cache(config: "trt.IBuilderConfig", cuda: Cuda) -> Iterator[None]:
    """Reuse what earlier builds measured on this GPU under this TensorRT, and keep what this one measures."""
    import tensorrt as trt
    from platformdirs import user_cache_path

    gpu = hashlib.sha256(cuda.gpu.encode()).hexdigest()[:8]
    path = user_cache_path("pokegan") / "tensorrt" / f"timing-{trt.__version__}-{gpu}.cache"
    cache = config.create_timing_cache(path.read_bytes() if path.is_file() else b"")
    if cache is None or not config.set_timing_cache(cache, False):
        config.set_timing_cache(config.create_timing_cache(b""), False)
    yield
    with suppress(OSError):  # only a cache: without it the next build takes longer
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, bytes(config.get_timing_cache().serialize()))


def _compare(
    engine: TensorRTSession, reference: Session, bundle: Bundle, model: Model, options: EngineOptions
) -> dict[str, float]:
    """Run both on the same inputs at the three batches, and return the worst figures."""
    limits = CLOSE["float32" if model.precision.startswith("float32") else "narrower"]
    outputs = [tensor.name for tensor in model.outputs]
    figures: dict[str, list[float]] = {}
    random = np.random.default_rng(0)
    for batch in options.batches:
        feeds = _inputs(bundle, model, batch, random)
        for ours, theirs in zip(engine.run(outputs, feeds), reference.run(outputs, feeds), strict=True):
            figure, value = _difference(model.kind, ours, theirs)
            figures.setdefault(figure, []).append(value)
    worst = {figure: max(values) if figure == "pixels" else min(values) for figure, values in figures.items()}
    for figure, value in worst.items():
        passed = value <= limits[figure] if figure == "pixels" else value >= limits[figure]
        if not passed:  # NaN never does
            raise EngineFailed(
                f"{model.file}: its engine differs from ONNX Runtime: {figure} is {value:.5g} where the limit is "
                f"{limits[figure]:g}; no engine was written"
            )
    return worst


def _inputs(bundle: Bundle, model: Model, batch: int, random: np.random.Generator) -> dict[str, NDArray[Any]]:
    feeds: dict[str, NDArray[Any]] = {}
    shapes = profile_of(model, (batch, batch, batch))
    further = KINDS[model.kind].further_inputs(batch, 0)
    for tensor in model.inputs:
        name, dtype, shape = tensor.name, np.dtype(tensor.dtype), shapes[tensor.name][1]
        if name in further:
            feeds[name] = further[name].astype(dtype)
        elif dtype.kind == "f":
            values = random.standard_normal(shape)
            if name == "text":  # sentence embeddings have length 1
                values /= np.linalg.norm(values, axis=-1, keepdims=True)
            feeds[name] = values.astype(dtype)
        elif name == "input_ids":
            feeds[name] = random.integers(0, _vocabulary(bundle), shape).astype(dtype)
        else:
            feeds[name] = np.ones(shape, dtype)
    return feeds


def _vocabulary(bundle: Bundle) -> int:
    from tokenizers import Tokenizer

    return int(Tokenizer.from_str(bundle.read("tokenizer.json").decode()).get_vocab_size())


def _difference(kind: str, ours: NDArray[Any], theirs: NDArray[Any]) -> tuple[str, float]:
    if ours.shape != theirs.shape:
        return "equal", 0.0
    if KINDS[kind].exact or ours.dtype.kind not in "fu":
        return "equal", float(np.mean(ours == theirs))
    if ours.dtype == np.uint8:
        return "pixels", float(np.quantile(np.abs(ours.astype(int) - theirs.astype(int)), 0.999))
    ours, theirs = (array.reshape(len(array), -1).astype(np.float64) for array in (ours, theirs))
    return "cosine", float(cosine(ours, theirs).min())
