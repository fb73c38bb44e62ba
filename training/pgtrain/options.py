"""Command-line options from the fields of a configuration; their defaults from a recipe or a TOML file."""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from pgtrain.config import LARGEST
from pgtrain.errors import ConfigInvalid
from pokegan.cli import Command, FiniteRange
from pokegan.errors import one_line


class RecipeCommand(Command):
    """A command with `params`, ``--config``, ``--recipe`` and one option per field of the dataclass `config`.

    The command line takes precedence over the TOML file, the file over the recipe, and the recipe over the defaults.
    `recipes` maps a recipe's name to the fields that it changes; the first one is the default. The callback also gets
    `chosen`, which maps each option that is not at its default to "recipe NAME", the path of the file, or "" for the
    command line. A recipe's number of epochs is a default.
    """

    def __init__(
        self,
        name: str,
        config: type[Any],
        recipes: Mapping[str, dict[str, Any]],
        params: Sequence[click.Option] = (),
        **attributes: Any,
    ) -> None:
        self.recipes = recipes
        file = click.Option(
            ["--config"],
            type=click.Path(path_type=Path),
            expose_value=False,
            help="read options from this TOML file; options on the command line take precedence",
        )
        recipe = click.Option(
            ["--recipe"],
            type=click.Choice(list(recipes)),
            default=next(iter(recipes)),
            expose_value=False,
            help="set of defaults; original: those of the original system, its bugs fixed",
        )
        fields = [_option(field) for field in dataclasses.fields(config)]
        super().__init__(name, params=[*params, file, recipe, *fields], **attributes)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the recipe and the file first, which set the defaults of the other options."""
        values, _, _ = self.make_parser(ctx).parse_args(list(args))
        path: str = values.get("config", "")
        file = self._read_file(Path(path)) if path and not ctx.resilient_parsing else {}
        recipe = self.recipes.get(values.get("recipe") or file.get("recipe", ""), {})
        ctx.default_map = recipe | file
        rest = super().parse_args(ctx, args)
        origins = dict.fromkeys(
            recipe.keys() - {"epochs"}, f"recipe {values['recipe']}" if "recipe" in values else path
        )
        origins |= dict.fromkeys(file, path)
        chosen = {}
        for name in ctx.params:
            source = ctx.get_parameter_source(name)
            if source == ParameterSource.COMMANDLINE:
                chosen[name] = ""
            elif source == ParameterSource.DEFAULT_MAP and name in origins:
                chosen[name] = origins[name]
        ctx.params["chosen"] = chosen
        return rest

    def _read_file(self, path: Path) -> dict[str, Any]:
        """Read a flat TOML file of options, named as in ``--help`` with dashes or underscores.

        Raises:
            ConfigInvalid: the file is missing, is not TOML, names an option or a recipe that does not exist, or has a
                value of another type than its option, which click would convert: 1.9 epochs to 1.
        """
        options = {option.name: option for option in self.params if option.name != "config"}
        try:
            values = {key.replace("-", "_"): value for key, value in tomllib.loads(path.read_text("utf-8")).items()}
        except OSError as error:
            raise ConfigInvalid(f"{path}: cannot be read ({error.strerror}); name a TOML file") from error
        except (ValueError, RecursionError) as error:
            raise ConfigInvalid(f"{path}: not valid TOML ({one_line(error)})") from error
        for name, value in values.items():
            if name not in options:
                raise ConfigInvalid(f"{path}: unknown option: {name}; choose from {', '.join(sorted(options))}")
            multiple = options[name].multiple and isinstance(value, list)
            expected, kinds = _toml_type(options[name].type)
            for single in value if multiple else [value]:
                if not isinstance(single, kinds) or isinstance(single, bool) != (kinds is bool):
                    raise ConfigInvalid(f"{path}: {name.replace('_', '-')} must be {expected}, not {value!r}")
            if options[name].multiple and not multiple:
                values[name] = [value]
        if (recipe := values.get("recipe")) not in (None, *self.recipes):
            raise ConfigInvalid(f"{path}: unknown recipe: {recipe}; choose from {', '.join(self.recipes)}")
        return values


def _option(field: "dataclasses.Field[Any]") -> click.Option:
    name = field.name.replace("_", "-")
    flag = f"--{name}/--no-{name}" if isinstance(field.default, bool) else f"--{name}"
    return click.Option([flag], default=field.default, help=field.metadata["help"], type=_type(field))


def _type(field: "dataclasses.Field[Any]") -> Any:  # a click.ParamType, generic from click 8.4 on
    default, limits = field.default, field.metadata
    if choices := limits["choices"]:
        return click.Choice(choices)
    if default is None or isinstance(default, str):
        return click.STRING
    if isinstance(default, bool):
        return click.BOOL
    if isinstance(default, int):
        return click.IntRange(int(limits["minimum"]), LARGEST)
    below = limits["below"]
    return FiniteRange(limits["minimum"], limits["maximum"] if below is None else below, max_open=below is not None)


def _toml_type(kind: Any) -> tuple[str, Any]:
    """Name the TOML type of an option in words, and as Python types."""
    if isinstance(kind, click.Choice):
        return ("an integer", int) if isinstance(kind.choices[0], int) else ("a string", str)
    if isinstance(kind, click.types.IntParamType):
        return "an integer", int
    if isinstance(kind, click.types.FloatParamType):
        return "a number", (int, float)
    if isinstance(kind, click.types.BoolParamType):
        return "true or false", bool
    return "a string", str
