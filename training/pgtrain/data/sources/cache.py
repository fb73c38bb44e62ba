"""Where things that are made once are kept."""

from pathlib import Path

from pokegan.extras import needs_extra


def cache_folder(*names: str) -> Path:
    """Name a folder in the user's cache, ``~/.cache/pokegan`` on Linux, without making it."""
    with needs_extra("data"):
        from platformdirs import user_cache_path
    return user_cache_path("pokegan").joinpath(*names)
