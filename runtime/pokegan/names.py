"""The spelling of names that training and ``pgen dex`` share."""

import re
import unicodedata

LETTERS = re.compile("[^a-z]")


def plain(name: str) -> str:
    """Reduce a name to its lower-case letters without accents.

    >>> plain("Flabébé")
    'flabebe'
    """
    return LETTERS.sub("", unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower())
