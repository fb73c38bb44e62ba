"""Whether the Hugging Face hub answers; its client retries for a minute before it says that it does not."""

import os
import urllib.error
import urllib.request

SECONDS = 5.0
"""How long the hub has to answer."""


def hub_answers() -> bool:
    """Ask the hub, or the mirror of ``HF_ENDPOINT``, for any answer; without one only what is cached can be had."""
    address = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=SECONDS):
            return True
    except urllib.error.HTTPError:  # an answer, too
        return True
    except (OSError, ValueError):
        return False
