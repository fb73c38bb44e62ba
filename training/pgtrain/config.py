"""Configurations: a dataclass a system, whose fields are its command-line options and its file in the run folder."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import click

from pgtrain.errors import RunInvalid

Config = TypeVar("Config")
Command = TypeVar("Command", bound=Callable[..., Any])


def option(default: Any, help: str, *, minimum: float = 0, choices: tuple[Any, ...] = ()) -> Any:
    """Declare a dataclass field with its default, the text of ``--help``, and the values it may take."""
    return dataclasses.field(default=default, metadata={"help": help, "kind": _kind(default, minimum, choices)})


def _kind(
    default: Any, minimum: float, choices: tuple[Any, ...]
) -> Any:  # a click.ParamType, generic only from click 8.4 on
    if choices:
        return click.Choice(choices)
    return click.FloatRange(minimum) if isinstance(default, float) else click.IntRange(int(minimum))


def options(config: type[Any]) -> Callable[[Command], Command]:
    """Decorate a click command with one option a field of `config`."""

    def decorate(command: Command) -> Command:
        for field in reversed(dataclasses.fields(config)):
            flag = f"--{field.name.replace('_', '-')}"
            told = {"help": field.metadata["help"], "type": field.metadata["kind"]}
            add = click.option(flag, default=field.default, show_default=True, **told)
            command = add(command)
        return command

    return decorate


def from_dict(config: type[Config], values: dict[str, Any], where: str) -> Config:
    """Build a `config` from a saved dictionary.

    Raises:
        RunInvalid: `values` has fields that this version does not know, or lacks some.
    """
    try:
        return config(**values)
    except TypeError as error:
        raise RunInvalid(f"{where}: not a configuration of this version ({error})") from error
