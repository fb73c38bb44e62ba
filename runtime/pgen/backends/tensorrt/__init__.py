"""Engines of TensorRT, and the CUDA calls that they need."""
