"""Configurations: one dataclass for each system, whose fields are its command-line options and its ``config.json``."""

import dataclasses
from typing import Any, TypeVar

from pgtrain.errors import RunInvalid
from pokegan.errors import one_line

LARGEST = 2**16
"""Largest width, batch or other count of a recipe: larger ones fit into no memory."""

Config = TypeVar("Config")


def option(
    default: Any,
    help: str,
    *,
    minimum: float = 0,
    maximum: float | None = None,
    below: float | None = None,
    choices: tuple[Any, ...] = (),
) -> Any:
    """Declare a dataclass field: its default, the text of ``--help``, and the values that it accepts.

    `maximum` is accepted, `below` is not.
    """
    limits = {"minimum": minimum, "maximum": maximum, "below": below, "choices": choices}
    return dataclasses.field(default=default, metadata={"help": help, **limits})


def from_dict(config: type[Config], values: dict[str, Any], where: str) -> Config:
    """Build a `config` from a saved dictionary; fields that the class lists in RETIRED are ignored.

    Raises:
        RunInvalid: `values` has another unknown field, or a value of the wrong type or outside of the choices. `where`
            is the file or folder that the message names.
    """
    retired: tuple[str, ...] = getattr(config, "RETIRED", ())
    try:
        built = config(**{name: value for name, value in values.items() if name not in retired})
        for field in dataclasses.fields(config):  # type: ignore[arg-type]
            value, default = values.get(field.name, field.default), field.default
            choices = field.metadata.get("choices")
            number = isinstance(default, float) and isinstance(value, int)
            if default is not None and not number and type(value) is not type(default):
                raise TypeError(f"{field.name} is {value!r}")
            if choices and value not in choices:
                raise TypeError(f"{field.name} is {value!r}, not one of {', '.join(map(str, choices))}")
        return built
    except TypeError as error:
        raise RunInvalid(f"{where}: not a configuration of this version ({one_line(error)})") from error
