"""The Git revision of the running source, for the records of runs and bundles."""

import subprocess
from pathlib import Path


def revision() -> str | None:
    """Git revision (hex) of this source tree; None where it is installed without one."""
    here = Path(__file__)
    # Only where this file is tracked: an environment may lie inside another project's repository.
    tracked = _git(here.parent, "ls-files", "--error-unmatch", here.name)
    return _git(here.parent, "rev-parse", "HEAD") if tracked else None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
