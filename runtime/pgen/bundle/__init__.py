"""The bundle, the contract between export and runtime: its manifest, its files, and its TensorRT engines."""
