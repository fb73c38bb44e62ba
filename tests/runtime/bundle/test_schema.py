"""Reading JSON by declared types."""

import json
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from pgen.bundle.schema import decode, encode


class Extra(TypedDict):
    share: NotRequired[float]


@dataclass(frozen=True)
class Part:
    name: Literal["a", "b"]
    sizes: list[int | str]


@dataclass(frozen=True)
class Whole:
    count: Annotated[int, range(1, 9)]
    pair: tuple[int, bool]
    parts: dict[str, Part]
    extra: Annotated[dict[str, Any], Extra] = field(default_factory=dict)
    note: str | None = None
    limit: Annotated[int, range(1, 9)] | None = None


VALUE = {
    "count": 8,
    "pair": [1, True],
    "parts": {"x": {"name": "a", "sizes": [1, "n"]}},
    "extra": {"share": 1, "other": [1]},
    "note": None,
    "limit": 3,
}


def read(**changes: Any) -> Whole:
    return decode(json.dumps(VALUE | changes).encode(), Whole)


def test_value_is_read_and_written_alike() -> None:
    whole = read()
    assert whole == Whole(8, (1, True), {"x": Part("a", [1, "n"])}, {"share": 1, "other": [1]}, None, 3)
    assert json.loads(encode(whole)) == VALUE


def test_unknown_fields_are_ignored_and_defaults_filled_in() -> None:
    assert decode(b'{"count": 1, "pair": [1, false], "parts": {}, "later": 1}', Whole) == Whole(1, (1, False), {})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 9}, "count must be from 1 to 8"),
        ({"count": True}, "count must be an integer"),
        ({"pair": [1]}, "pair must have 2 values"),
        ({"pair": [1, 1]}, r"pair\[1\] must be a boolean"),
        ({"parts": {"x": {"name": "c", "sizes": []}}}, r"parts\.x\.name must be one of a, b"),
        ({"parts": {"x": {"name": "a"}}}, r"parts\.x\.sizes is missing"),
        ({"parts": {"x": {"name": "a", "sizes": [1.5]}}}, r"parts\.x\.sizes\[0\] must be a string"),
        ({"parts": []}, "parts must be an object"),
        ({"extra": {"share": 10**400}}, r"extra\.share must be a finite number"),
        ({"extra": {"share": float("nan")}}, r"extra\.share must be a finite number"),
        ({"note": 3}, "note must be a string"),
        ({"limit": 9}, "limit must be from 1 to 8"),
    ],
)
def test_wrong_value_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(**changes)


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff", b"[]", b"null"])
def test_document_of_another_kind_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(content, Whole)
