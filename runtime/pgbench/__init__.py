"""Measure latency and throughput of generation; the command line is ``pgbench``."""
