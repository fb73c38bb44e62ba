"""Configurations: a dataclass a system, whose fields are its command-line options and its file in the run folder."""

import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from pgtrain.errors import ConfigInvalid, RunInvalid

COMMON = {"accumulate", "background", "compile", "epochs", "seed", "precision", "encoder", "minutes"}
"""Options that every system takes and a file may set."""

Config = TypeVar("Config")
Command = TypeVar("Command", bound=Callable[..., Any])


def option(
    default: Any, help: str, *, minimum: float = 0, maximum: float | None = None, choices: tuple[Any, ...] = ()
) -> Any:
    """Declare a dataclass field with its default, the text of ``--help``, and the values it may take."""
    return dataclasses.field(
        default=default, metadata={"help": help, "kind": _kind(default, minimum, maximum, choices)}
    )


def _kind(
    default: Any, minimum: float, maximum: float | None, choices: tuple[Any, ...]
) -> Any:  # a click.ParamType, generic from click 8.4 on
    if choices:
        return click.Choice(choices)
    if default is None or isinstance(default, str):
        return click.STRING
    if isinstance(default, bool):
        return click.BOOL
    return click.FloatRange(minimum, maximum) if isinstance(default, float) else click.IntRange(int(minimum))


def options(config: type[Any], recipes: Mapping[str, dict[str, Any]]) -> Callable[[Command], Command]:
    """Decorate a click command with one option per field of `config`, ``--recipe`` and ``--config``.

    The command line takes precedence over the TOML file, the file over the recipe, and the recipe
    over the defaults. `recipes` maps a recipe's name to the fields that it changes.
    """

    def decorate(command: Command) -> Command:
        for field in reversed(dataclasses.fields(config)):
            name = field.name.replace("_", "-")
            flag = f"--{name}/--no-{name}" if isinstance(field.default, bool) else f"--{name}"
            described = {"help": field.metadata["help"], "type": field.metadata["kind"]}
            command = click.option(flag, default=field.default, show_default=True, **described)(command)
        return _sources(config, recipes)(command)

    return decorate


def _sources(config: type[Any], recipes: Mapping[str, dict[str, Any]]) -> Callable[[Command], Command]:
    known = COMMON | {field.name for field in dataclasses.fields(config)}

    def use_recipe(context: click.Context, parameter: click.Parameter, name: str) -> None:
        _defaults(context, recipes[name], {})

    def use_file(context: click.Context, parameter: click.Parameter, path: Path | None) -> None:
        if path is not None:
            _defaults(context, {}, read_toml(path, known))

    text = "read options from this TOML file; options on the command line take precedence"
    from_file = click.option(
        "--config",
        type=click.Path(path_type=Path),
        callback=use_file,
        is_eager=True,
        expose_value=False,
        help=text,
    )
    recipe = click.option(
        "--recipe",
        type=click.Choice(list(recipes)),
        default=next(iter(recipes)),
        show_default=True,
        callback=use_recipe,
        is_eager=True,
        expose_value=False,
        help="other defaults: those of the original system, its bugs fixed",
    )
    return lambda command: from_file(recipe(command)) if len(recipes) > 1 else from_file(command)


def _defaults(context: click.Context, recipe: dict[str, Any], file: dict[str, Any]) -> None:
    # The two come in the order they were typed in, so each is kept apart and the file always laid on top.
    kept = context.meta.setdefault("pgtrain.defaults", {"recipe": {}, "file": {}})
    kept["recipe"] |= recipe
    kept["file"] |= file
    context.default_map = kept["recipe"] | kept["file"]


def read_toml(path: Path, known: set[str]) -> dict[str, Any]:
    """Read a flat TOML file of options, named as in ``--help`` with dashes or underscores.

    Raises:
        ConfigInvalid: the file is missing, no TOML, or names an option that does not exist.
    """
    try:
        values = {key.replace("-", "_"): value for key, value in tomllib.loads(path.read_text("utf-8")).items()}
    except OSError as error:
        raise ConfigInvalid(f"{path}: cannot be read ({error.strerror}); name a TOML file") from error
    except ValueError as error:
        raise ConfigInvalid(f"{path}: not valid TOML ({error})") from error
    for key in values.keys() - known:
        raise ConfigInvalid(f"{path}: unknown option: {key}; choose from {', '.join(sorted(known))}")
    return values


def from_dict(config: type[Config], values: dict[str, Any], where: str) -> Config:
    """Build a `config` from a saved dictionary.

    Raises:
        RunInvalid: `values` has fields that this version does not know, or lacks some.
    """
    try:
        return config(**values)
    except TypeError as error:
        raise RunInvalid(f"{where}: not a configuration of this version ({error})") from error
