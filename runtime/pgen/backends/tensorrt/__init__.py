"""TensorRT's engines, and the CUDA calls that they need."""
