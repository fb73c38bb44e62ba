"""Types of the options of pgbench."""

from typing import Any

import click


class Batches(click.ParamType[tuple[int, ...]]):
    """A list of batches such as 1,8,64."""

    name = "batches"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Read it."""
        if isinstance(value, tuple):
            return value
        try:
            batches = tuple(dict.fromkeys(int(part) for part in value.split(",")))
        except ValueError:
            self.fail(f"{value!r} must be a list of numbers such as 1,8,64", param, ctx)
        if min(batches) < 1:
            self.fail(f"{min(batches)} must be at least 1", param, ctx)
        return batches
