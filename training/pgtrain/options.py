"""Command-line options from the fields of a configuration, from a recipe and from a TOML file."""

import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from pgtrain.config import LARGEST
from pgtrain.errors import ConfigInvalid
from pokegan.cli import FiniteRange
from pokegan.errors import one_line

NOT_CHOSEN = (None, ParameterSource.DEFAULT)

Command = TypeVar("Command", bound=Callable[..., Any])


def _kind(field: "dataclasses.Field[Any]") -> Any:  # a click.ParamType, generic from click 8.4 on
    default, limits = field.default, field.metadata
    if choices := limits.get("choices"):
        return click.Choice(choices)
    if default is None or isinstance(default, str):
        return click.STRING
    if isinstance(default, bool):
        return click.BOOL
    if isinstance(default, int):
        return click.IntRange(int(limits["minimum"]), LARGEST)
    below = limits["below"]
    return FiniteRange(limits["minimum"], limits["maximum"] if below is None else below, max_open=below is not None)


def options(config: type[Any], recipes: Mapping[str, dict[str, Any]]) -> Callable[[Command], Command]:
    """Decorate a click command with one option per field of `config`, ``--recipe`` and ``--config``.

    The command line takes precedence over the TOML file, the file over the recipe, and the recipe
    over the defaults. `recipes` maps a recipe's name to the fields that it changes.
    """

    def decorate(command: Command) -> Command:
        for field in reversed(dataclasses.fields(config)):
            name = field.name.replace("_", "-")
            flag = f"--{name}/--no-{name}" if isinstance(field.default, bool) else f"--{name}"
            described = {"help": field.metadata["help"], "type": _kind(field)}
            command = click.option(flag, default=field.default, show_default=True, **described)(command)
        return _sources(recipes)(command)

    return decorate


def _sources(recipes: Mapping[str, dict[str, Any]]) -> Callable[[Command], Command]:
    def use_recipe(context: click.Context, parameter: click.Parameter, name: str) -> None:
        if context.get_parameter_source("recipe") != ParameterSource.DEFAULT:
            _defaults(context).recipe = name
        _lay_defaults(context, recipes)

    def use_file(context: click.Context, parameter: click.Parameter, path: Path | None) -> None:
        if path is not None:
            file = read_toml(path, {each.name for each in context.command.params if each.name} - {"config"})
            defaults = _defaults(context)
            defaults.path, defaults.file = path, _checked(path, file, context)
            if (name := file.get("recipe", next(iter(recipes)))) not in recipes:
                raise ConfigInvalid(f"{path}: unknown recipe: {name}; choose from {', '.join(recipes)}")
        _lay_defaults(context, recipes)

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


@dataclasses.dataclass
class _Defaults:
    """The `recipe` of the command line, and what the file at `path` sets; kept apart, for they come in any order."""

    recipe: str | None = None
    path: Path | None = None
    file: dict[str, Any] = dataclasses.field(default_factory=dict)


def _defaults(context: click.Context) -> _Defaults:
    defaults: _Defaults = context.meta.setdefault("pgtrain.defaults", _Defaults())
    return defaults


def _lay_defaults(context: click.Context, recipes: Mapping[str, dict[str, Any]]) -> None:
    defaults = _defaults(context)
    recipe = defaults.recipe or defaults.file.get("recipe")
    context.default_map = (recipes[recipe] if recipe else {}) | defaults.file


def _checked(path: Path, values: dict[str, Any], context: click.Context) -> dict[str, Any]:
    """Refuse values of another type than their option has, which click would convert: 1.9 epochs to 1.

    Raises:
        ConfigInvalid: the option is named.
    """
    parameters = {each.name: each for each in context.command.params}
    for name, value in values.items():
        parameter = parameters[name]
        if parameter.multiple and isinstance(value, str):
            values[name] = value = [value]
        single = value if parameter.multiple and isinstance(value, list) else [value]
        expected, kinds = _toml_type(parameter)
        if not all(isinstance(each, kinds) and isinstance(each, bool) == (kinds is bool) for each in single):
            raise ConfigInvalid(f"{path}: {name.replace('_', '-')} must be {expected}, not {value!r}")
    return values


def _toml_type(parameter: click.Parameter) -> tuple[str, Any]:
    kind = parameter.type
    if isinstance(kind, click.Choice):
        return ("an integer", int) if isinstance(kind.choices[0], int) else ("a string", str)
    if isinstance(kind, click.types.IntParamType):
        return "an integer", int
    if isinstance(kind, click.types.FloatParamType):
        return "a number", (int, float)
    if isinstance(kind, click.types.BoolParamType):
        return "true or false", bool
    return "a string", str


def chosen_options(context: click.Context) -> dict[str, str]:
    """Map the options that were chosen to what sets them: "recipe NAME", a file's path, or "" for themselves.

    A recipe's number of epochs is a default.
    """
    defaults = _defaults(context)
    chosen = {}
    for name in context.params:
        source = context.get_parameter_source(name)
        mapped, in_file = source == ParameterSource.DEFAULT_MAP, name in defaults.file
        if source in NOT_CHOSEN or (name == "epochs" and mapped and not in_file):
            continue
        origin = str(defaults.path) if in_file or not defaults.recipe else f"recipe {defaults.recipe}"
        chosen[name] = origin if mapped else ""
    return chosen


def read_toml(path: Path, known: set[str]) -> dict[str, Any]:
    """Read a flat TOML file of options, named as in ``--help`` with dashes or underscores.

    Raises:
        ConfigInvalid: the file is missing, no TOML, or names an option that does not exist.
    """
    try:
        values = {key.replace("-", "_"): value for key, value in tomllib.loads(path.read_text("utf-8")).items()}
    except OSError as error:
        raise ConfigInvalid(f"{path}: cannot be read ({error.strerror}); name a TOML file") from error
    except (ValueError, RecursionError) as error:
        raise ConfigInvalid(f"{path}: not valid TOML ({one_line(error)})") from error
    for key in values.keys() - known:
        raise ConfigInvalid(f"{path}: unknown option: {key}; choose from {', '.join(sorted(known))}")
    return values
