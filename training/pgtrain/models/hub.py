"""A quick check that the Hugging Face hub is reachable; its own client retries for a minute."""

import os
import urllib.error
import urllib.request

SECONDS = 5.0
"""Timeout of the request."""


def hub_answers() -> bool:
    """Return whether the hub, or the mirror in ``HF_ENDPOINT``, is reachable; if not, only cached files can be used."""
    address = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=SECONDS):
            return True
    except urllib.error.HTTPError:  # an answer as well
        return True
    except (OSError, ValueError):
        return False
