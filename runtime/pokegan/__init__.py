"""What the four commands share: the version, the base of all errors, and how a command line fails."""

__version__ = "0.1.0"
