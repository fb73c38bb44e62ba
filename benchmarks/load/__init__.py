"""The parts of benchmarks/serve.py: prompts, clients, a server, the same work offline, and figures."""
