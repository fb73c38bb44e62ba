"""A data set of Kaggle by name: ``kagglehub`` downloads it, and the adapters read the folder."""

import re
from pathlib import Path

from pgtrain.data.sources.download import reason
from pgtrain.errors import DataInvalid, DataNotFound
from pokegan.extras import needs_extra

NAME = re.compile(r"[\w.-]+/[\w.-]+(/versions/\d+)?")


def fetch(name: str) -> Path:
    """Download ``owner/name`` into kagglehub's cache, once, and return the folder.

    Raises:
        DataNotFound: there is no such data set, or it is not available offline or without signing in.
        DataInvalid: `name` is not of the form owner/name.
        MissingExtra: kagglehub is not installed.
    """
    if not NAME.fullmatch(name):
        raise DataInvalid(f"kaggle:{name}: a Kaggle data set is named kaggle:OWNER/NAME, as in its address")
    with needs_extra("data"):
        import kagglehub
    try:
        return Path(kagglehub.dataset_download(name))
    except Exception as error:  # errors of kagglehub, requests and builtin ones
        raise DataNotFound(
            f"kaggle:{name}: cannot be downloaded ({reason(error)}); check the name and the network, or use a folder "
            "of it that was downloaded in a browser"
        ) from error
