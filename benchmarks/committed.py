"""Files of results: written whole, one contender's figures beside the others'."""

import json
from pathlib import Path
from typing import Any


def kept(path: Path, key: str) -> dict[str, Any]:
    """Read what `path` holds under `key`; nothing where there is no file yet."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))[key] if path.is_file() else {}
    return found


def write(path: Path, told: dict[str, Any]) -> None:
    """Write `told` beside `path` and rename it into place."""
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    beside.replace(path)
