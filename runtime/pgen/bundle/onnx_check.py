"""Checks that an ONNX file uses only standard operators, without the onnx package, before any runtime reads it.

An operator of another domain needs other code, and external weights could name any file of the machine. The protobuf
message is parsed only as far as these checks need; weights are skipped.
"""

from collections.abc import Iterator

from pgen.errors import BundleInvalid
from pokegan.errors import one_line

PLAIN = ("", "ai.onnx")
"""Domains of the standard operators."""

# Field numbers of onnx.proto.
GRAPH, OPSET_IMPORT, TRAINING, FUNCTIONS = 7, 8, 20, 25
DOMAIN, NODE, INITIALIZER, SPARSE_INITIALIZER, EXTERNAL_DATA, DATA_LOCATION = 1, 1, 5, 15, 13, 14
ATTRIBUTE, TENSORS, GRAPHS, SPARSE = 5, (5, 10), (6, 11), (22, 23)

Field = tuple[int, int | memoryview]


def check_graph(content: bytes, name: str) -> None:
    """Check that the ONNX model in `content` uses standard operators only and no external files.

    Raises:
        BundleInvalid: it does not, or is not an ONNX file; `name` is its name in the message.
    """
    try:
        for number, value in _fields(memoryview(content)):
            if number == OPSET_IMPORT:
                _check_domain(_message(value), name)
            elif number in (TRAINING, FUNCTIONS):
                raise BundleInvalid(f"{name}: holds functions or training parts; do not use this bundle")
            elif number == GRAPH:
                _check_inside(_message(value), name)
    except (IndexError, RecursionError, ValueError) as error:
        if isinstance(error, BundleInvalid):
            raise
        raise BundleInvalid(f"{name}: is not an ONNX file ({one_line(error)}); export the bundle again") from error


def _check_domain(opset: memoryview, name: str) -> None:
    for number, value in _fields(opset):
        domain = bytes(_message(value)).decode() if number == DOMAIN else ""
        if domain not in PLAIN:
            raise BundleInvalid(f"{name}: uses operators of {domain!r}, not standard ones; do not use this bundle")


def _check_inside(graph: memoryview, name: str) -> None:
    for number, value in _fields(graph):
        if number == INITIALIZER:
            _check_weight(_message(value), name)
        elif number == SPARSE_INITIALIZER:
            raise BundleInvalid(f"{name}: holds sparse weights, which no exported graph does; do not use this bundle")
        elif number == NODE:
            for field, attribute in _fields(_message(value)):
                if field == ATTRIBUTE:
                    _check_attribute(_message(attribute), name)


def _check_attribute(attribute: memoryview, name: str) -> None:
    for number, value in _fields(attribute):
        if number in TENSORS:
            _check_weight(_message(value), name)
        elif number in GRAPHS:
            _check_inside(_message(value), name)
        elif number in SPARSE:
            raise BundleInvalid(f"{name}: holds sparse weights, which no exported graph does; do not use this bundle")


def _check_weight(tensor: memoryview, name: str) -> None:
    for number, value in _fields(tensor):
        if number == EXTERNAL_DATA or (number == DATA_LOCATION and value):
            raise BundleInvalid(f"{name}: keeps weights in other files; do not use this bundle")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message is expected")
    return value


def _fields(message: memoryview) -> Iterator[Field]:
    """Iterate over the fields of a protobuf message: (number, integer or bytes)."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == 2:
            length, at = _varint(message, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > len(message):
            raise ValueError("truncated")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("unterminated varint")
