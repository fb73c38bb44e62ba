"""The training engine: loop, accelerator, random numbers, checkpoints and run folders."""
