"""Shared by all commands: version, base of the errors and of the command lines, files, image metrics."""

import os
import sys

__version__ = "0.1.0"

# These libraries send telemetry by default; it is off unless the user sets the variable to another value.
for _variable, _value in (
    ("ORT_DISABLE_TELEMETRY", "1"),  # ONNX Runtime, in a database under the user's cache
    ("RAY_USAGE_STATS_ENABLED", "0"),
    ("HF_HUB_DISABLE_TELEMETRY", "1"),
):
    os.environ.setdefault(_variable, _value)

# OpenVINO has no such variable. Importing it writes an identity into the home and calls an analytics host, unless this
# package cannot be imported; import it before pgen to keep the telemetry.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
