"""Sprite jobs: the files of sprites, written into the folder of a game."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from pgen.errors import OutputInvalid
from pgen.images.metadata import model_name
from pgen.images.model import PictureModel
from pgen.images.naming import check_folder, write
from pgen.images.sprite import check_format, draw_sprites, sprite_files
from pgen.jobs.job import Written
from pgen.request import Request


@dataclass(frozen=True)
class WrittenSprite(Written):
    """A written sprite: `file` is its front, the first of `files`."""

    files: tuple[Path, ...] = ()

    def described(self) -> dict[str, Any]:
        """Describe the request and the files, ready for JSON."""
        return super().described() | {"files": [*map(str, self.files)]}


def write_sprites(
    generator: PictureModel, requests: Iterable[Request], format: str, folder: str | Path
) -> Iterator[WrittenSprite]:
    """Write the files of a sprite for each request into `folder`, as `format` names and arranges them.

    Raises:
        PokeganError: a prompt, the bundle, the format or `folder` cannot be used.
    """
    format, folder = check_format(format), check_folder(Path(folder))
    began = perf_counter()
    for sprite in draw_sprites(generator, requests):
        request, contents = sprite.request, sprite_files(sprite, format, generator.bundle)
        files = tuple(folder / path for path in contents)
        for path, content in zip(files, contents.values(), strict=True):
            _make_folder(path.parent)
            write(path, content)
        model, notes = model_name(request, generator.bundle), generator.encoder.notes_on(request.texts)
        cost = 1e3 * (perf_counter() - began)
        yield WrittenSprite(files[0], request, model, cost, notes, sprite.backend, files)
        began = perf_counter()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputInvalid(f"{folder}: cannot be created ({error.strerror}); choose another folder") from error
