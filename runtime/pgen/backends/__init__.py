"""What a model can run on: ONNX Runtime's providers, OpenVINO, and which of them this machine really has."""
