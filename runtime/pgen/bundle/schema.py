"""Validates JSON by type annotations, which declare types, ranges and optional fields.

Written by hand, because the import of msgspec would add 6 ms to each start. Unknown keys are ignored, so that a later
release can add a field.
"""

import dataclasses
import json
import math
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, TypeVar, Union, get_args, get_origin, is_typeddict

Type = TypeVar("Type")

NAMES = {
    int: "an integer",
    float: "a number",
    str: "a string",
    bool: "a boolean",
    list: "a list",
    dict: "an object",
}


def decode(content: bytes, kind: type[Type]) -> Type:
    """Read a JSON document as `kind`.

    Raises:
        ValueError: it is not JSON, or as :func:`read`.
    """
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    result: Type = read(value, kind)
    return result


def encode(value: Any) -> str:
    """Write a dataclass as JSON, readable and in a stable order."""
    return json.dumps(dataclasses.asdict(value), indent=1, ensure_ascii=False) + "\n"


def read(value: Any, kind: Any, place: str = "") -> Any:
    """Check that a JSON value has the type `kind`, and return it, with objects converted to dataclasses.

    `kind` consists of builtins, Any, unions with None, Literal, dataclasses, and typed dictionaries, which stay
    dictionaries with all their keys. Annotated[int, range(1, 9)] is an integer in that range; Annotated[KIND, OTHER]
    must match both KIND and OTHER, and is KIND for type checkers.

    Raises:
        ValueError: it is not; the message names the place, such as "models.dcgan.opset must be an integer".
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in _READERS:
        return _READERS[origin](value, arguments, place)
    if is_typeddict(kind) or dataclasses.is_dataclass(kind):
        return _read_fields(_expect(value, dict, place), kind, place)
    return _expect(value, kind, place)


def _read_annotated(value: Any, arguments: tuple[Any, ...], place: str) -> Any:
    kind, rule = arguments
    result = read(value, kind, place)
    if not isinstance(rule, range):
        read(value, rule, place)
    elif result not in rule:
        raise ValueError(f"{place} must be from {rule.start} to {rule.stop - 1}")
    return result


def _read_union(value: Any, kinds: tuple[Any, ...], place: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    *others, last = (kind for kind in kinds if kind is not NoneType)
    for kind in others:
        try:
            return read(value, kind, place)
        except ValueError:
            continue
    return read(value, last, place)


def _read_literal(value: Any, choices: tuple[Any, ...], place: str) -> Any:
    if value not in choices:
        raise ValueError(f"{place} must be one of {', '.join(map(str, choices))}")
    return value


def _read_tuple(value: Any, kinds: tuple[Any, ...], place: str) -> tuple[Any, ...]:
    if len(_expect(value, list, place)) != len(kinds):
        raise ValueError(f"{place} must have {len(kinds)} values")
    return tuple(read(item, kinds[at], f"{place}[{at}]") for at, item in enumerate(value))


def _read_list(value: Any, kinds: tuple[Any, ...], place: str) -> list[Any]:
    return [read(item, kinds[0], f"{place}[{at}]") for at, item in enumerate(_expect(value, list, place))]


def _read_dict(value: Any, kinds: tuple[Any, ...], place: str) -> dict[str, Any]:
    return {key: read(item, kinds[1], _inside(place, key)) for key, item in _expect(value, dict, place).items()}


_READERS: dict[Any, Callable[[Any, tuple[Any, ...], str], Any]] = {
    Annotated: _read_annotated,
    NotRequired: lambda value, arguments, place: read(value, arguments[0], place),
    UnionType: _read_union,  # int | None
    Union: _read_union,  # Annotated[int, ...] | None, before Python 3.14
    Literal: _read_literal,
    tuple: _read_tuple,
    list: _read_list,
    dict: _read_dict,
}


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _read_fields(value: dict[str, Any], kind: Any, place: str) -> Any:
    fields = {
        name: read(value[name], part, _inside(place, name))
        for name, part in kind.__annotations__.items()
        if name in value
    }
    required = kind.__required_keys__ if is_typeddict(kind) else _required(kind)
    for name in kind.__annotations__:
        if name in required and name not in value:
            raise ValueError(f"{_inside(place, name)} is missing")
    return value if is_typeddict(kind) else kind(**fields)


def _required(kind: Any) -> set[str]:
    missing = dataclasses.MISSING
    return {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is missing and field.default_factory is missing
    }


def _expect(value: Any, kind: type, place: str) -> Any:
    fits = isinstance(value, (int, float) if kind is float else kind)
    # True is an int in Python, but not a number in JSON.
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{place or 'it'} must be {NAMES[kind]}")
    if kind is float and not (abs(value) <= 2**53 and math.isfinite(value)):
        raise ValueError(f"{place} must be a finite number")
    return value
