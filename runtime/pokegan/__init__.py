"""What the four commands share: the version, the base of all errors, and how a command line fails."""

import os

__version__ = "0.1.0"

# ONNX Runtime otherwise notes, in a database under the user's cache, who runs it where, for its makers. Set before
# it is imported; whoever wants to be counted sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
