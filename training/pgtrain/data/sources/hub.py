"""A data set of the Hugging Face hub by name, through ``datasets``.

The tests, which run offline, load a local data set.
"""

import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

from pgtrain.data.sources import parquet
from pgtrain.data.sources.download import reason
from pgtrain.data.sources.files import cache_folder
from pgtrain.errors import DataNotFound
from pgtrain.models.hub import hub_answers
from pokegan.extras import needs_extra
from pokegan.files import atomic_path


def fetch(name: str, caption_column: str | None = None) -> Path:
    """Load every split of ``owner/name`` (or of a local folder), extract it into the cache, and return the folder.

    Raises:
        DataNotFound: there is no such data set, or it is not available offline.
        DataInvalid: it has no image column.
        MissingExtra: datasets is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, (split, rows) in enumerate(_load(name).items()):
            files.append(Path(folder) / f"{number}-{split}.parquet")
            rows.to_parquet(files[-1])
        return parquet.extract(files, caption_column)


def fetch_table(name: str) -> Path:
    """Load every split of ``owner/name``, a data set without pictures, into one parquet file in the cache.

    Raises:
        DataNotFound, MissingExtra: as :func:`fetch`.
    """
    splits = _load(name)
    from datasets import concatenate_datasets

    file = cache_folder("tables", f"{name.strip('/').replace('/', '--')}.parquet")
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(file) as hidden:
        concatenate_datasets(list(splits.values())).to_parquet(hidden)
    return file


def _load(name: str) -> dict[str, Any]:
    """Load the splits of a data set."""
    with needs_extra("data"):
        import datasets
    # Its client would log every retry before the error message.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    if sys.stderr is None or not sys.stderr.isatty():
        datasets.disable_progress_bars()
    offline = not Path(name).exists() and not hub_answers()
    before = datasets.config.HF_HUB_OFFLINE
    try:
        datasets.config.HF_HUB_OFFLINE = before or offline  # offline, its cache is used
        splits = datasets.load_dataset(name)
    except Exception as error:  # errors of datasets, huggingface_hub, requests and builtin ones
        detail = "the hub does not answer, and it is not in the cache" if offline else reason(error)
        raise DataNotFound(
            f"hf:{name}: cannot be loaded ({detail}); check the name and the network, or use a folder with its "
            "parquet files"
        ) from error
    finally:
        datasets.config.HF_HUB_OFFLINE = before
    return dict(splits)
