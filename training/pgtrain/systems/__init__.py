"""The GANs, a package each, and their registry."""
