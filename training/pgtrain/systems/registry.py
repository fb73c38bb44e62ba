"""The systems by name, and where each lives: the one list that the command line and training read."""

from importlib import import_module
from typing import Any, NamedTuple

from pgtrain.systems.dcgan import config as dcgan
from pgtrain.systems.stackgan import config as stackgan
from pgtrain.systems.stats import config as stats
from pgtrain.systems.wgan import config as wgan

PICTURES = "pgtrain.data.dataset:read"


class SystemEntry(NamedTuple):
    """`config` class, `recipes` (other defaults by name), and the `factory` ("module:class") that training imports."""

    config: type[Any]
    recipes: dict[str, dict[str, Any]]
    factory: str
    reads_text: bool
    summary: str
    reader: str = PICTURES
    """The function ("module:name") that reads the data: place, config, text encoder and background to a `Data`."""

    starter: str = ""
    """The function ("module:name") that fits a new run's config and encoder to a run it starts from; "": none does."""

    @property
    def reads_pictures(self) -> bool:
        """Tell whether it learns from pictures."""
        return self.reader == PICTURES

    def load(self) -> Any:
        """Import the system's class, and with it PyTorch."""
        return _imported(self.factory)

    def prepare(self, config: Any, encoder: str | None) -> str | None:
        """Take over what a new run has from another one, into `config`; return the encoder to use."""
        if not self.starter:
            return encoder
        agreed: str | None = _imported(self.starter)(config, encoder)
        return agreed

    def load_reader(self) -> Any:
        """Import the function that reads the system's data."""
        return _imported(self.reader)


def _imported(where: str) -> Any:
    module, name = where.split(":")
    return getattr(import_module(module), name)


SYSTEMS = {
    "dcgan": SystemEntry(
        dcgan.DCGANConfig,
        dcgan.RECIPES,
        "pgtrain.systems.dcgan.system:DCGAN",
        False,
        "Pictures from noise, 64x64.",
    ),
    "stackgan": SystemEntry(
        stackgan.StackGANConfig,
        stackgan.RECIPES,
        "pgtrain.systems.stackgan:build",
        True,
        "Text to picture: stage I draws 64x64, stage II refines it.",
        starter="pgtrain.systems.stackgan.warm_start:prepare",
    ),
    "stats": SystemEntry(
        stats.StatsConfig,
        stats.RECIPES,
        "pgtrain.systems.stats.system:StatsGAN",
        False,
        "Six stats, types and rarity: valid Pokémon as numbers.",
        "pgtrain.systems.stats.table:read",
    ),
    "wgan": SystemEntry(
        wgan.WGANConfig,
        wgan.RECIPES,
        "pgtrain.systems.wgan.system:WGAN",
        False,
        "Pictures from noise, 64x64, with a Wasserstein critic.",
    ),
}
