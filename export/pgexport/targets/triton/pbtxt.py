"""Protocol buffers' text format, as much of it as a model configuration of Triton needs."""

import json
from collections.abc import Iterator


class Word(str):
    """A value that is written without quotes: a member of an enumeration, true or false."""


Value = str | int | dict[str, "Value"] | list["Value"]
Message = dict[str, Value]


def dump(message: Message) -> str:
    """Write `message`: a list is a repeated field, a dict a message, a str quoted unless it is a Word."""
    return "".join(f"{line}\n" for line in _lines(message))


def pairs(values: Message) -> list[Value]:
    """Turn `values` into a map field, which is a repeated message of key and value."""
    return [{"key": key, "value": value} for key, value in values.items()]


def _lines(message: Message, indent: str = "") -> Iterator[str]:
    for name, value in message.items():
        values = value if isinstance(value, list) else [value]
        if all(isinstance(item, dict) for item in values):  # none at all included: nothing is written
            for item in values:
                yield f"{indent}{name} {{"
                yield from _lines(item if isinstance(item, dict) else {}, indent + "  ")
                yield f"{indent}}}"
        else:
            scalars = [str(item) if isinstance(item, Word | int) else json.dumps(item) for item in values]
            listed = f"[{', '.join(scalars)}]" if isinstance(value, list) else scalars[0]
            yield f"{indent}{name}: {listed}"
