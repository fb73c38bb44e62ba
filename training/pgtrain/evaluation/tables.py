"""The table of the figures of an evaluation of pictures, for the terminal, HTML and Markdown."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from rich.table import Table

Results = Mapping[str, Any]


class Line(NamedTuple):
    """A figure: its path in metrics.json, its format, and its reference values."""

    label: str
    path: str
    form: str = "{:.3f}"
    real: str = ""
    """Path of the value of real pictures."""

    best: str = ""
    """The best possible value, where that of real pictures is not measured."""


def _text(label: str, path: str) -> list[Line]:
    kinds = {"types": "type", "color": "color", "shape": "shape"}
    return [
        line
        for kind, name in kinds.items()
        for line in (
            Line(f"{label}: {name} agrees", f"{path} {kind} found", "{:.1%}", f"{path} {kind} ceiling"),
            Line(f"{label}: {name} agrees by chance", f"{path} {kind} floor", "{:.1%}"),
            Line(f"{label}: {name}, share of the ceiling", f"{path} {kind} share", "{:.1%}", best="100 %"),
        )
    ]


LINES = [
    Line("KID", "kid", "{:.3f}", "floor kid"),
    Line("KID, 95 % interval from", "kid_low", "{:.3f}", "floor kid_low"),
    Line("KID, 95 % interval to", "kid_high", "{:.3f}", "floor kid_high"),
    Line("FID", "fid", "{:.1f}", "floor fid"),
    Line("KID by DINOv2", "second kid", "{:.3f}", "second floor kid"),
    Line("FID by DINOv2", "second fid", "{:.1f}", "second floor fid"),
    Line("islands", "islands", "{:.1%}", "islands_real"),
    Line("precision", "precision", best="1"),
    Line("recall", "recall", best="1"),
    Line("spread of all pictures", "spread", "{:.3f}", "spread_real"),
    Line("copies", "copying copies", "{:d}", best="0"),
    Line("copies, share below the nearest 1 % of real ones", "copying rate", "{:.1%}", best="1 %"),
    Line("distance to the nearest real picture, median", "copying nearest", "{:.3f}", "copying among_real"),
    Line("distance to the nearest real picture, smallest", "copying closest", "{:.3f}", "copying closest_real"),
    Line("nearer to trained than to held-out families", "copying nearer_to_trained", "{:.1%}", best="50 %"),
    Line("own Pokémon is the nearest", "retrieval first", "{:.1%}", best="100 %"),
    Line("own Pokémon among the ten nearest", "retrieval among_first_ten", "{:.1%}", best="100 %"),
    Line("own Pokémon's rank, median", "retrieval median_rank", "{:.0f}", best="1"),
    Line("change by seed, of a name", "changed_by_seed", "{:.1%}"),
    Line("change by name, same seed", "changed_by_prompt", "{:.1%}", best="100 %"),
    *_text("names", "text"),
    Line("KID, descriptions", "described kid", "{:.3f}", "floor kid"),
    Line("FID, descriptions", "described fid", "{:.1f}", "floor fid"),
    Line("copies, descriptions", "described copying copies", "{:d}", best="0"),
    Line("copies, descriptions, share below the nearest 1 %", "described copying rate", "{:.1%}", best="1 %"),
    Line(
        "descriptions, distance to the nearest, smallest", "described copying closest", "{:.3f}", "copying closest_real"
    ),
    Line("descriptions nearer to trained", "described copying nearer_to_trained", "{:.1%}", best="50 %"),
    Line("change by seed, of a description", "described changed_by_seed", "{:.1%}"),
    Line("change by description, same seed", "described changed_by_prompt", "{:.1%}", best="100 %"),
    Line("change by seed over change by description", "described seed_over_prompt", "{:.1%}"),
    Line("islands, descriptions", "described islands", "{:.1%}", "islands_real"),
    Line("recall, descriptions", "described recall", best="1"),
    Line("change by seed, of an invented name", "invented changed_by_seed", "{:.1%}"),
    Line("change by seed over change by invented name", "invented seed_over_prompt", "{:.1%}"),
    Line("islands, invented names", "invented islands", "{:.1%}", "islands_real"),
    *_text("descriptions of real combinations", "described text known"),
    *_text("descriptions of new combinations", "described text new"),
]


def lines(evaluations: Mapping[str, Results]) -> list[list[str]]:
    """Format one line per figure that any of `evaluations` has: label, a cell per evaluation, value of real pictures.

    The value of real pictures is that of the first evaluation that has it.
    """
    rows = []
    for line in LINES:
        cells = [_cell(results, line) for results in evaluations.values()]
        if any(cells):
            real = [_format(_at(results, line.real), line.form) for results in evaluations.values()]
            rows.append([line.label, *cells, next(filter(None, real), line.best)])
    return rows


def ratios(evaluations: Mapping[str, Results]) -> dict[str, dict[str, float]]:
    """Divide the figures of every evaluation by those of the first, where both are numbers and the first is not 0."""
    (_, first), *others = evaluations.items()
    quotients: dict[str, dict[str, float]] = {}
    for name, results in others:
        pairs = {line.path: (_at(results, line.path), _at(first, line.path)) for line in LINES}
        quotients[name] = {
            path: round(own / base, 3) for path, (own, base) in pairs.items() if own is not None and base
        }
    return quotients


def table(evaluations: Mapping[str, Results]) -> Table:
    """Lay the lines out for a terminal."""
    laid_out = Table("figure", *evaluations, "real pictures")
    for line in lines(evaluations):
        laid_out.add_row(*line)
    return laid_out


def _cell(results: Results, line: Line) -> str:
    *parents, last = line.path.split()
    parent = _at(results, " ".join(parents)) if parents else results
    if isinstance(parent, Mapping) and last in parent and parent[last] is None:
        return "not measurable"
    return _format(_at(results, line.path), line.form)


def _at(results: Results, path: str) -> Any:
    """Return the value at a path such as "floor kid"; None if there is none."""
    value: Any = results if path else None
    for key in path.split():
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _format(value: Any, form: str) -> str:
    return "" if value is None else form.format(value)
