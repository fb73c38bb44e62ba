"""From a training run to float32 ONNX graphs."""
