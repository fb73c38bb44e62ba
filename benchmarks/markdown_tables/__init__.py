"""The tables of README.md and docs/, by subject: each function writes one table from benchmarks/results."""
