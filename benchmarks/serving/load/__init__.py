"""The parts of benchmarks/serving/serve.py: prompts, clients, a server, the same work offline, and figures."""
