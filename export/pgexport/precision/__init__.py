"""Graphs in other precisions than float32."""
