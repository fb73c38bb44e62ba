"""A data set of the Hugging Face hub by name, through ``datasets``.

The download itself cannot be tested without a network; what follows it is, on a local data set.
"""

import logging
import tempfile
from pathlib import Path

from pgtrain.data.sources import parquet
from pgtrain.data.sources.cache import cache_folder
from pgtrain.data.sources.download import reason
from pgtrain.errors import DataNotFound
from pokegan.extras import needs_extra


def fetch(name: str, caption_column: str | None = None) -> Path:
    """Load every split of ``owner/name`` (or of a local folder) and extract it into the cache: the folder it is in.

    Raises:
        DataNotFound: there is no such data set, or it cannot be had offline.
        DataInvalid: it has no image column.
        MissingExtra: datasets is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        return parquet.extract(_save(name, Path(folder)), caption_column)


def fetch_table(name: str) -> Path:
    """Load ``owner/name``, a data set without pictures, into the cache: a folder of one parquet file a split.

    Raises:
        DataNotFound, MissingExtra: as :func:`fetch`.
    """
    folder = cache_folder("tables", name.strip("/").replace("/", "--"))
    folder.mkdir(parents=True, exist_ok=True)
    _save(name, folder)
    return folder


def _save(name: str, folder: Path) -> list[Path]:
    """Write every split of a data set to a parquet file in `folder`."""
    with needs_extra("data"):
        from datasets import load_dataset
    # Its client would log each of its retries before the one line that says what is wrong.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        splits = load_dataset(name)
    except Exception as error:  # the library raises its own, the hub client's, requests' and builtin ones
        raise DataNotFound(
            f"hf:{name}: cannot be loaded ({reason(error)}); check the name and the network, or use a folder with its "
            "parquet files"
        ) from error
    files = [folder / f"{number}-{split}.parquet" for number, split in enumerate(splits)]
    for file, rows in zip(files, splits.values(), strict=True):
        rows.to_parquet(file)
    return files
