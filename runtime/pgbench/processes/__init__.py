"""Backends in processes of their own, and what they run."""
