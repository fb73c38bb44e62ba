"""Sprite jobs: the files of sprites, written into the folder of a game."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from pgen.errors import OutputInvalid
from pgen.images.metadata import describe_request, model_name
from pgen.images.model import PictureModel
from pgen.images.naming import check_folder, write
from pgen.images.sprite import check_format, draw_sprites, sprite_files
from pgen.request import Request


@dataclass(frozen=True)
class WrittenSprite:
    """A written sprite: `file` is its front, the first of `files`; notes by text, as of other pictures."""

    files: tuple[Path, ...]
    request: Request
    model: str
    milliseconds: float
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The front."""
        return self.files[0]

    def described(self) -> dict[str, Any]:
        """Describe the request and the files, ready for JSON."""
        description = describe_request(self.request) | {"model": self.model, "files": [*map(str, self.files)]}
        return description | ({"note": "; ".join(self.notes.values())} if self.notes else {})


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
        files = {folder / path: content for path, content in sprite_files(sprite, format, generator.bundle).items()}
        for path, content in files.items():
            _make_folder(path.parent)
            write(path, content)
        model, notes = model_name(sprite.request, generator.bundle), generator.encoder.notes_on(sprite.request.texts)
        yield WrittenSprite(tuple(files), sprite.request, model, 1e3 * (perf_counter() - began), notes)
        began = perf_counter()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputInvalid(f"{folder}: cannot be created ({error.strerror}); choose another folder") from error
