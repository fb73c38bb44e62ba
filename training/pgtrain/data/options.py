"""How a data set is read: the options of every system that learns from pictures; without PyTorch."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

Background = Literal["keep", "remove"]
Resample = Literal["lanczos", "nearest"]

ALL = "all"
"""Every view of the data."""

DEFAULT_VIEW = "front"


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """How pictures are chosen and decoded.

    Attributes:
        background: what to do with a plain one, see :func:`pgtrain.data.background.without_background`.
        hold_out: share of evolution families that is left out.
        caption_column: column of the captions; None for the usual one.
        view: view of the pictures, or ALL; None for DEFAULT_VIEW where the data has it, else for ALL.
        shiny: whether pictures of shinies are included.
        resample: "nearest" keeps whole pixels, see :func:`pgtrain.data.image_io.fit`; None for what fits the
            data, see :attr:`pgtrain.data.records.Collection.resample`.
    """

    background: Background = "keep"
    hold_out: float = 0.0
    caption_column: str | None = None
    view: str | None = None
    shiny: bool = False
    resample: Resample | None = None

    @classmethod
    def recorded(cls, data: Mapping[str, Any]) -> Self:
        """Read the options that a run or a bundle recorded; those that an older version lacked have its behavior."""
        names = {field.name for field in fields(DataOptions)}
        return cls(**{"resample": "lanczos"} | {name: value for name, value in data.items() if name in names})

    @property
    def whole_pixels(self) -> bool:
        """Whether pictures are resized without mixing pixels."""
        return self.resample == "nearest"


DEFAULT = DataOptions()
