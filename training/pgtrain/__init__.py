"""Train small GANs on Pokémon with PyTorch; the command line is ``pgtrain``."""
