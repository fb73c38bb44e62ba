"""Runtimes and devices that run the models: ONNX Runtime's providers, OpenVINO and TensorRT."""
