"""The same networks in PyTorch, as peers for benchmarks."""
