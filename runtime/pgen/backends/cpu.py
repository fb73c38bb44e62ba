"""What the processor is, and what of it matters here."""

import platform
from pathlib import Path

FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "i8mm", "bf16")
"""Instructions that make networks faster, as Linux names them."""


def cpu() -> tuple[str, list[str] | None]:
    """Name the processor and which of FEATURES it has; None where the system does not list them."""
    listing = Path("/proc/cpuinfo")
    if not listing.is_file():
        return platform.processor() or platform.machine(), None
    fields = dict(line.partition(":")[::2] for line in listing.read_text().split("\n\n")[0].splitlines())
    facts = {key.strip(): value.strip() for key, value in fields.items()}
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return facts.get("model name") or platform.machine(), [feature for feature in FEATURES if feature in flags]
