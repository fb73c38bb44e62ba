"""Comparison of exported models with PyTorch."""
