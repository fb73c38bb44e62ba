"""Files of results: written whole, one contender's figures beside the others'."""

import json
from pathlib import Path
from typing import Any

from pokegan.files import atomic_write


def kept(path: Path, key: str) -> dict[str, Any]:
    """Read what `path` holds under `key`; nothing where there is no file yet."""
    entries: dict[str, Any] = json.loads(path.read_text("utf-8"))[key] if path.is_file() else {}
    return entries


def write(path: Path, result: dict[str, Any]) -> None:
    """Write `result` to `path` as JSON."""
    atomic_write(path, json.dumps(result, indent=1) + "\n")
