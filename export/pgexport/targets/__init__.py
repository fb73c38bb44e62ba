"""Bundles for other runtimes."""
