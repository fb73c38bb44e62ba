"""The command line of pgen: which commands there are."""

import sys

import click

from pgen.commands.hints import HINTS
from pokegan.cli import LazyGroup, version_option

COMMANDS = {
    name: f"pgen.commands.{name}:{name}"
    for name in (
        "image",
        "random",
        "fuse",
        "sprite",
        "morph",
        "variations",
        "reproduce",
        "stats",
        "dex",
        "serve",
        "doctor",
    )
}
"""Where each command is defined: it is imported when it is called, so that none waits for another's packages."""


@click.group(cls=LazyGroup, places=COMMANDS, hints=HINTS)
@version_option
def main() -> None:
    """Generate new Pokémon from exported networks: offline, in milliseconds, without PyTorch."""


if __name__ == "__main__":
    sys.exit(main())
