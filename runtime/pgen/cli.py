"""The command line of pgen: which commands there are."""

import sys

import click

from pokegan.cli import LazyGroup, version_option

COMMANDS = {
    name: f"pgen.commands.{name}:{name}"
    for name in ("image", "random", "morph", "variations", "reproduce", "stats", "dex", "serve", "doctor")
}
"""Where each command lives: it is imported when it is called, so that none waits for another's packages."""

HINTS = {
    "bundle_not_found": "--bundle chooses the bundle",
    "device_unavailable": "--device chooses the device; pgen doctor shows what works here",
    "missing_extra": "pgen doctor shows what is installed",
    "run_failed": "--batch sets how many pictures are drawn at once",
}
"""What the command line adds to messages, by the errors' codes."""


@click.group(cls=LazyGroup, places=COMMANDS, hints=HINTS)
@version_option
def main() -> None:
    """Generate new Pokémon from exported networks: offline, in milliseconds, without PyTorch."""


if __name__ == "__main__":
    sys.exit(main())
