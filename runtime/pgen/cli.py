"""The command line of pgen: which commands there are."""

import shlex
import sys
from typing import TYPE_CHECKING

import click

from pokegan.cli import Hint, LazyGroup, version_option

if TYPE_CHECKING:
    from pgen.errors import EngineNotFound, EngineOutdated

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
} | {"variations": "pgen.commands.reproduce:variations"}
"""Where each command is defined: it is imported when it is called, so that none waits for another's packages."""


def build_command(error: "EngineNotFound | EngineOutdated") -> str:
    """Return the command that builds the engines of the error's bundle, with the error's options."""
    options = error.options
    words = ["pgexport", str(error.folder), "--tensorrt", "--batches", ",".join(map(str, options.batches))]
    words += ["--workspace", str(options.workspace)] if options.workspace else []
    words += ["--version-compatible"] if options.version_compatible else []
    words += ["--hardware-compatible"] if options.hardware_compatible else []
    return shlex.join(words)


BUILD_HINTS: dict[str, Hint] = {"engine_not_found": build_command, "engine_outdated": build_command}
"""The hints of engines, which the command lines of all programs add."""

HINTS: dict[str, Hint] = BUILD_HINTS | {
    "bundle_not_found": "--bundle chooses the bundle",
    "device_unavailable": "--device chooses the device; pgen doctor shows what works here",
    "endpoint_without_model": "--llm-model NAME",
    "equal_ends": "--to-seed sets the other seed",
    "missing_extra": "pgen doctor shows what is installed",
    "no_prompt": 'write a name or a sentence as PROMPT, such as "Charizard", or use --file FILE',
    "other_bundle": "--bundle DIR; or generate the prompt anew with pgen image",
    "output_differs": "without --resume the file is written again",
    "output_is_folder": "--out-dir writes into a folder",
    "output_too_large": "lower -n, --frames or --size",
    "prompt_not_read": "pgen random --model NAME takes no prompt",
    "run_failed": "--batch sets the number of pictures at once",
    "seeds_conflict": "use either --seeds, or -n and --seed",
    "several_pictures": "add --grid, or use --out-dir DIR",
    "shards_exist": "--resume continues the job",
    "stdin_closed": "pipe prompts into it, or use --file FILE",
}
"""What the command line adds to the messages of errors, by their codes: the option or command that fixes them."""


@click.group(cls=LazyGroup, places=COMMANDS, hints=HINTS)
@version_option
def main() -> None:
    """Generate new Pokémon from exported networks: offline, in milliseconds, without PyTorch."""


if __name__ == "__main__":
    sys.exit(main())
