"""Export trained networks to bundles that run without PyTorch; the command line is ``pgexport``."""
