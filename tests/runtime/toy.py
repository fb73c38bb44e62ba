"""A bundle that is made in a moment, without any training: networks of one multiplication beside real stats."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pgen.bundle.reader import EMBEDDED, Manifest, Model, Tensor, describe, open_bundle

LATENT, TEXT, SIDE = 6, 5, 16
NAMES = ["Redball", "Bluewings"]
PICTURES = Tensor("pictures", "uint8", ["batch", SIDE, SIDE, 4])


def write_toy(folder: Path, seed: int = 0) -> Path:
    """Write the bundle into a new folder; another `seed` draws other pictures."""
    folder.mkdir()
    chance = np.random.default_rng(seed)
    latent, text = Tensor("latent", "float32", ["batch", LATENT]), Tensor("text", "float32", ["batch", TEXT])
    real = open_bundle(EMBEDDED)
    models = {"stats": real.manifest.models["stats"]}
    for name, inputs in (("stackgan", [latent, text]), ("dcgan", [latent])):
        _save(folder / f"{name}.onnx", inputs, PICTURES, _generator(chance, inputs))
        kind = "text-to-image" if len(inputs) == 2 else "latent-to-image"
        models[name] = _model(kind, name, inputs, PICTURES, {"latent_dim": LATENT})
    tokens = [Tensor(name, "int64", ["batch", "sequence"]) for name in ("input_ids", "attention_mask")]
    embedding = Tensor("sentence_embedding", "float32", ["batch", TEXT])
    _save(folder / "encoder.onnx", tokens, embedding, _encoder(chance))
    models["encoder"] = _model("encoder", "encoder", tokens, embedding, {"max_tokens": 64})
    for name in ("tokenizer.json", "stats.onnx"):
        (folder / name).write_bytes(real.read(name))
    (folder / "names.json").write_text(json.dumps(NAMES))
    np.save(folder / "names.npy", chance.normal(size=(len(NAMES), TEXT)).astype(np.float32))
    files = {path.name: describe(path) for path in sorted(folder.iterdir())}
    (folder / "manifest.json").write_text(Manifest(models, files).to_json(), "utf-8")
    return folder


def _model(kind: str, name: str, inputs: list[Tensor], output: Tensor, settings: dict[str, Any]) -> Model:
    run = {"system": name, "seed": 0, "epoch": 1, "data": {"digest": "d" * 64}, "config": {"width": 1}}
    provenance = {"run": run, "metrics": {"loss": float("nan")}, "evaluation": {}}
    figures = {"psnr": {"measured": 50.0, "limit": 45.0}}
    return Model(
        kind, f"{name}.onnx", inputs, [replace(output)], "float32", 18, settings, {"figures": figures}, provenance
    )


def _generator(chance: np.random.Generator, inputs: list[Tensor]) -> list[tuple[Any, ...]]:
    width = sum(int(tensor.shape[1]) for tensor in inputs)
    return [
        ("Concat", [tensor.name for tensor in inputs], "given", {"axis": 1}),
        ("MatMul", ["given", chance.normal(size=(width, SIDE * SIDE * 4)).astype(np.float32)], "sums", {}),
        ("Sigmoid", ["sums"], "shares", {}),
        ("Mul", ["shares", np.float32(255)], "levels", {}),
        ("Cast", ["levels"], "whole", {"to": TensorProto.UINT8}),
        ("Reshape", ["whole", np.array([-1, SIDE, SIDE, 4])], "pictures", {}),
    ]


def _encoder(chance: np.random.Generator) -> list[tuple[Any, ...]]:
    return [
        ("Mul", ["input_ids", "attention_mask"], "kept", {}),
        ("Cast", ["kept"], "numbers", {"to": TensorProto.FLOAT}),
        ("Sin", ["numbers"], "waves", {}),
        ("ReduceMean", ["waves", np.array([1])], "mean", {"keepdims": 1}),
        ("Mul", ["mean", chance.normal(size=(1, TEXT)).astype(np.float32)], "sentence_embedding", {}),
    ]


def _save(path: Path, inputs: list[Tensor], output: Tensor, steps: list[tuple[Any, ...]]) -> None:
    nodes, weights = [], []
    for operator, operands, name, attributes in steps:
        names = []
        for number, value in enumerate(operands):
            if not isinstance(value, str):
                weights.append(numpy_helper.from_array(np.asarray(value), f"{name}.{number}"))
                value = weights[-1].name
            names.append(value)
        nodes.append(helper.make_node(operator, names, [name], **attributes))
    graph = helper.make_graph(nodes, path.stem, list(map(_value, inputs)), [_value(output)], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def _value(tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        tensor.name, helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype)), tensor.shape
    )
