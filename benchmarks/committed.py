"""Files of results: written whole, one contender's figures beside the others'."""

import json
from pathlib import Path
from typing import Any

from pokegan.files import atomic_write


def kept(path: Path, key: str) -> dict[str, Any]:
    """Read what `path` holds under `key`; nothing where there is no file yet."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))[key] if path.is_file() else {}
    return found


def write(path: Path, told: dict[str, Any]) -> None:
    """Write `told` to `path` as JSON."""
    atomic_write(path, json.dumps(told, indent=1) + "\n")
