"""Arithmetic in int8, kept only where it makes a model smaller or faster.

An encoder is quantized dynamically: weights are signed with a scale a channel, and scales of activations are computed
as they come. A convolutional generator is quantized statically: ranges of its activations are measured on random
latents, and convolutions stand between quantize and dequantize nodes, which runtimes fuse into integer products.

The loss by int8 differs a hundredfold between convolutions, so each is first quantized alone, and those of the smallest
loss are quantized together for as long as parity holds.
"""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto

from pgen.backends.base import run
from pgen.backends.onnxruntime import open_session
from pgexport.metrics import cosine
from pgexport.precision import compress
from pgexport.trial import Feeds
from pokegan.image_metrics import premultiplied, psnr

INT8_PSNR = 42.0
"""PSNR in dB that int8 generators must reach on latents that they were not calibrated on."""

INT8_FAR = 10.0
"""How many dB less are enough on latents far beyond those that are drawn, where ranges cut activations off."""

INT8_COSINE = 0.975
"""Cosine that int8 encoders must reach on every text."""

CONVOLUTIONS = ("Conv", "ConvTranspose")
SMALLER, FASTER = 0.98, 1.05
"""Ratios of size and speed to compact weights in float32 arithmetic that count as smaller and faster."""

ROUNDS = 5
"""Runs of each graph, in turn, whose medians are compared."""

PROBED = 2
"""Batches that are not calibrated on: parity is measured on them."""


@dataclass(frozen=True)
class Outcome:
    """The result of quantizing a graph.

    `model` is the graph to export: `quantized` if it is `kept`, else one of float32 arithmetic with compact weights;
    `reason` says why in one line. `score` (PSNR in dB, or the smallest cosine) must reach `limit`. `products` are those
    in int8 and all. `bytes` and `ms`, milliseconds per batch, are of the quantized graph and of the other one.
    """

    model: ModelProto
    quantized: ModelProto
    kept: bool
    reason: str
    score: float
    limit: float
    products: tuple[int, int]
    bytes: tuple[int, int]
    ms: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the graphs, for a manifest; the times are those of the machine that exports."""
        fields = {name: value for name, value in vars(self).items() if not isinstance(value, ModelProto)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def samples(
    inputs: Mapping[str, int], text: NDArray[np.float32] | None = None, count: int = 12, seed: int = 0
) -> list[Feeds]:
    """Draw `count` batches of 4 latents, seeded, with rows of `text` (N, D) for a generator that takes embeddings.

    `inputs` are names and widths of all inputs; those other than latent and text are zeros.
    """
    random = np.random.default_rng(seed)
    batches: list[Feeds] = []
    for _ in range(count):
        feeds = {name: np.zeros((4, width), np.float32) for name, width in inputs.items()}
        feeds["latent"] = random.standard_normal((4, inputs["latent"])).astype(np.float32)
        batches.append(feeds | ({} if text is None else {"text": text[random.choice(len(text), 4)]}))
    return batches


def int8_encoder(model: ModelProto, texts: Sequence[Feeds], limit: float) -> Outcome:
    """Quantize a float32 encoder dynamically; keep it if the smallest cosine on `texts` is `limit` or more.

    A scale is taken from the whole batch, so that a text's embedding depends on its neighbors: run such an encoder
    on one text at a time.
    """
    products = _weighted(model, ("MatMul", "Gemm"))
    quantized = _dynamic(model)
    expected, embeddings = (np.concatenate(_outputs(graph, texts)) for graph in (model, quantized))
    score = float(cosine(embeddings, expected).min())
    other = compress.compress(model, compress.ENCODER)
    return _judged(quantized, other, texts, "cosine", score, limit, (len(products), len(products)))


def int8_generator(model: ModelProto, batches: Sequence[Feeds], limit: float, far: Sequence[Feeds] = ()) -> Outcome:
    """Quantize the convolutions of a float32 generator statically, as many as leave the PSNR at `limit` dB or more.

    Args:
        model: a graph with a dynamic batch whose first output are the pictures.
        batches: latents (and embeddings) to calibrate on; parity is judged on the last PROBED of them, which are
            not calibrated on.
        limit: of the PSNR against `model`, in dB.
        far: latents that are not calibrated on either, on which INT8_FAR less is enough. Ranges that included them
            would leave a fifth of the steps to latents that are drawn, and cost 10 dB and more there.
    """
    calibration, probe = batches[:-PROBED], batches[-PROBED:]
    candidates = _weighted(model, CONVOLUTIONS)
    with _quietly():
        ranges = _ranges(model, calibration)
        probes = [(probe, _outputs(model, probe), 0.0)] + ([(far, _outputs(model, far), INT8_FAR)] if far else [])

        def score(names: Sequence[str]) -> float:
            graph = _static(model, ranges, names)
            return min(_psnr(expected, _outputs(graph, feeds)) + spare for feeds, expected, spare in probes)

        chosen = _affordable(candidates, score, limit)
        reached = score(chosen) if chosen else 0.0
        while chosen and reached < limit:
            chosen = chosen[:-1]
            reached = score(chosen) if chosen else 0.0
        quantized = _static(model, ranges, chosen) if chosen else model
    quantized, other = (compress.compress(graph, compress.GENERATOR) for graph in (quantized, model))
    figure = f"PSNR ({INT8_FAR:g} dB less on far latents)" if far else "PSNR"
    return _judged(quantized, other, probe, figure, reached, limit, (len(chosen), len(candidates)))


def _dynamic(model: ModelProto) -> ModelProto:
    """Quantize the matrices and tables of `model` to int8 with a scale a channel, activations dynamically."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # A copy: onnxruntime.quantization moves the weights of its graph to files that are gone afterwards.
    with _quietly(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        options = {"per_channel": True, "weight_type": QuantType.QInt8}  # unsigned weights lose cosine and speed
        quantize_dynamic(deepcopy(model), path, op_types_to_quantize=["MatMul", "Gather"], **options)
        return onnx.load(path)


def _affordable(names: Sequence[str], score: Callable[[Sequence[str]], float], limit: float) -> list[str]:
    """Choose the `names` of the smallest errors (each quantized alone), which add up to no more than the limit's."""
    errors = {name: _mean_square(score([name])) for name in names}
    chosen: list[str] = []
    spent = 0.0
    for name in sorted(names, key=errors.__getitem__):
        spent += errors[name]
        if spent > _mean_square(limit):
            break
        chosen.append(name)
    return chosen


def _mean_square(psnr: float) -> float:
    return float(255**2 / 10 ** (psnr / 10))


def _ranges(model: ModelProto, batches: Sequence[Feeds]) -> Any:
    """Measure the smallest and largest value of every convolution's inputs and outputs."""
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
    from onnxruntime.quantization.calibrate import create_calibrator

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(batches)

        def get_next(self) -> Any:
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as folder:
        path, augmented = Path(folder) / "model.onnx", Path(folder) / "augmented.onnx"
        onnx.save(model, path)
        calibrator = create_calibrator(path, list(CONVOLUTIONS), str(augmented), CalibrationMethod.MinMax)
        calibrator.collect_data(Reader())
        return calibrator.compute_data()


def _static(model: ModelProto, ranges: Any, names: Sequence[str]) -> ModelProto:
    """Put quantize-dequantize pairs around the convolutions `names`: uint8 activations, int8 weights a channel."""
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    types = (QuantType.QInt8, QuantType.QUInt8)
    inferred = onnx.shape_inference.infer_shapes(model)
    quantizer = QDQQuantizer(inferred, True, False, *types, ranges, list(names), [], list(CONVOLUTIONS), {})
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    quantized: ModelProto = quantizer.model.model
    return quantized


def _judged(
    quantized: ModelProto,
    other: ModelProto,
    feeds: Sequence[Feeds],
    figure: str,
    score: float,
    limit: float,
    products: tuple[int, int],
) -> Outcome:
    sizes = (quantized.ByteSize(), other.ByteSize())
    ms = _times(quantized, other, feeds)
    size, speed = sizes[0] / sizes[1], ms[1] / ms[0]
    gain = f"{size:.2f} times the size and {speed:.2f} times the speed of compact weights in float32 arithmetic"
    measured = f"{products[0]} of {products[1]} products in int8, {figure} {score:.4g}, required {limit:g}"
    kept = False
    if not products[0]:
        reason = f"not kept: {figure} falls below {limit:g} with any product in int8"
    elif score < limit:
        reason = f"not kept: {measured}"
    elif size > SMALLER and speed < FASTER:
        reason = f"not kept: {measured}, but only {gain}"
    else:
        kept, reason = True, f"kept: {measured}, {gain}"
    return Outcome(quantized if kept else other, quantized, kept, reason, score, limit, products, sizes, ms)


def _times(first: ModelProto, second: ModelProto, feeds: Sequence[Feeds]) -> tuple[float, float]:
    sessions = [open_session(model.SerializeToString(), model.graph.name) for model in (first, second)]
    durations: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS + 1):
        for session, times in zip(sessions, durations, strict=True):
            began = time.perf_counter()
            session.run(None, feeds[0])
            if number:  # the first run allocates
                times.append(time.perf_counter() - began)
    return 1e3 * median(durations[0]), 1e3 * median(durations[1])


def _outputs(model: ModelProto, batches: Sequence[Feeds]) -> list[NDArray[Any]]:
    session = open_session(model.SerializeToString(), model.graph.name)
    first = model.graph.output[0].name
    return [run(session, [first], feeds)[0] for feeds in batches]


def _weighted(model: ModelProto, operators: Sequence[str]) -> list[str]:
    """Name the nodes of `operators` whose second input is a weight."""
    weights = {initializer.name for initializer in model.graph.initializer}
    return [node.name for node in model.graph.node if node.op_type in operators and node.input[1] in weights]


def _psnr(expected: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> float:
    return psnr(premultiplied(np.concatenate(expected)) - premultiplied(np.concatenate(outputs)))


@contextmanager
def _quietly() -> Iterator[None]:
    """Suppress the advice that onnxruntime.quantization logs."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
