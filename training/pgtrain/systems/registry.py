"""The table of systems that the command line, training, evaluation and export read; imports no PyTorch.

A system that draws pictures from latents is one package and one row here. `kind` decides how it is exported: see
``pgexport.kinds``.
"""

from importlib import import_module
from typing import Any, NamedTuple

from pgtrain.systems.dcgan import config as dcgan
from pgtrain.systems.stackgan import config as stackgan
from pgtrain.systems.stats import config as stats
from pgtrain.systems.wgan import config as wgan

PICTURES = "pgtrain.data.dataset:read"


class SystemEntry(NamedTuple):
    """One system. Code is given as "module:attribute" and imported when it is needed.

    Attributes:
        summary: the help text of its command.
        config: the dataclass of its options.
        recipes: other defaults of the options, by the name of the recipe.
        system: called with config, accelerator and data; returns the `System` that is trained.
        rebuild: called with config, weights and position; returns the `Architecture` of the averaged generator.
        kind: the kind of its model in a bundle.
        reader: called with data, config, text encoder and a :class:`pgtrain.data.options.DataOptions`; returns the
            `Data`.
        warm_start: called with config and text encoder; takes sizes over from the run that a new one starts from,
            and returns the encoder. "": no run starts from another.
        evaluator: called with run, config, data and options; returns figures and pictures.
        data_help: what `--data` also accepts, for its help text.
        footprint: called with config and a number of examples; returns the networks whose memory is estimated, see
            :mod:`pgtrain.engine.footprint`. "": memory is not estimated.
    """

    summary: str
    config: type[Any]
    recipes: dict[str, dict[str, Any]]
    system: str
    rebuild: str
    kind: str = "latent-to-image"
    reader: str = PICTURES
    warm_start: str = ""
    evaluator: str = "pgtrain.evaluation.evaluate:evaluate_pictures"
    data_help: str = ""
    footprint: str = ""

    @property
    def reads_text(self) -> bool:
        """Whether it needs a text encoder."""
        return self.kind == "text-to-image"

    @property
    def reads_pictures(self) -> bool:
        """Whether it learns from pictures."""
        return self.reader == PICTURES

    def load(self, role: str) -> Any:
        """Import the code of a `role`, the name of a field such as "system"."""
        module, name = getattr(self, role).split(":")
        return getattr(import_module(module), name)


SYSTEMS = {
    "dcgan": SystemEntry(
        summary="Pictures from noise, 64x64.",
        config=dcgan.DCGANConfig,
        recipes=dcgan.RECIPES,
        system="pgtrain.systems.dcgan.system:DCGAN",
        rebuild="pgtrain.systems.dcgan.system:rebuild",
        footprint="pgtrain.systems.dcgan.system:footprint",
    ),
    "stackgan": SystemEntry(
        summary="Text to picture: stage I draws 64x64, stage II refines it.",
        config=stackgan.StackGANConfig,
        recipes=stackgan.RECIPES,
        system="pgtrain.systems.stackgan.system:build",
        rebuild="pgtrain.systems.stackgan.system:rebuild",
        footprint="pgtrain.systems.stackgan.system:footprint",
        kind="text-to-image",
        warm_start="pgtrain.systems.stackgan.warm_start:prepare",
    ),
    "stats": SystemEntry(
        summary="Six stats, types and rarity: valid Pokémon as numbers.",
        config=stats.StatsConfig,
        recipes=stats.RECIPES,
        system="pgtrain.systems.stats.system:StatsGAN",
        rebuild="pgtrain.systems.stats.generate:rebuild",
        footprint="pgtrain.systems.stats.networks:footprint",
        kind="stats",
        reader="pgtrain.systems.stats.table:read",
        evaluator="pgtrain.evaluation.evaluate:evaluate_rows",
        data_help="or a .csv",
    ),
    "wgan": SystemEntry(
        summary="Pictures from noise, 64x64, with a Wasserstein critic.",
        config=wgan.WGANConfig,
        recipes=wgan.RECIPES,
        system="pgtrain.systems.wgan.system:WGAN",
        rebuild="pgtrain.systems.wgan.system:rebuild",
        footprint="pgtrain.systems.wgan.system:footprint",
    ),
}
