import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pgen
from pgen.api import Generator
from pgen.cli import main
from pgen.errors import BundleInvalid, OutputInvalid, RequestInvalid
from pgen.stats.draw import BLOCK, stream
from pgen.stats.formats import FORMATS, write_rows
from pgen.stats.job import write_stats
from pgen.stats.rows import Row, RowFilter, Rows, joined, row_filter
from tests.conftest import Command

TYPES = ("normal", "fire", "water", "grass", "electric", "ice", "fighting", "poison", "ground", "flying", "psychic")
RARITIES = ("ordinary", "legendary", "mythical", "baby")
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def generator(full_bundle: Path) -> Generator:
    return pgen.load(full_bundle)


@quick
@given(
    types=st.lists(st.sampled_from(TYPES), max_size=2, unique=True),
    total=st.none() | st.integers(6, 1530),
    rarity=st.none() | st.sampled_from(RARITIES),
    seed=st.integers(0, 2**64 - 4),
)
def test_every_row_is_valid_and_satisfies_the_filter(
    generator: Generator, types: list[str], total: int | None, rarity: str | None, seed: int
) -> None:
    rows = list(generator.stats(4, seed, type=types, total=total, rarity=rarity))
    assert [row.seed for row in rows] == list(range(seed, seed + 4))
    for row in rows:
        assert len(row.stats) == 6
        assert all(1 <= value <= 255 for value in row.stats.values())
        assert 1 <= len(set(row.types)) == len(row.types) <= 2
        assert set(types) <= set(row.types)
        assert row.total == (total or row.total)
        assert row.rarity == (rarity or row.rarity)


def test_legendary_is_a_rarity() -> None:
    assert row_filter("Fire", legendary=True) == row_filter(["fire"], rarity="legendary")
    with pytest.raises(RequestInvalid, match="'baby' and legendary"):
        row_filter(rarity="baby", legendary=True)


@quick
@given(start=st.integers(0, 3 * BLOCK), before=st.integers(0, 600), n=st.integers(1, 5))
def test_row_depends_only_on_its_seed(generator: Generator, start: int, before: int, n: int) -> None:
    alone = generator.stats(n, start)
    first = max(0, start - before)
    among = generator.stats(start - first + n, first)[start - first :]
    for name in ("seeds", "stats", "pairs", "rarities"):
        assert np.array_equal(getattr(alone, name), getattr(among, name))


@pytest.mark.parametrize(
    ("filter", "message"),
    [
        (RowFilter(types=("fir",)), "unknown type 'fir'"),
        (RowFilter(types=("fire", "fire")), "cannot be combined"),
        (RowFilter(types=("fire", "water", "ice")), "cannot be combined"),
        (RowFilter(total=5), "total 5: must be from 6 to 1530"),
        (RowFilter(total=1531), "total 1531: must be from 6 to 1530"),
        (RowFilter(rarity="shiny"), "unknown rarity 'shiny'"),
    ],
)
def test_impossible_filter_is_rejected(generator: Generator, filter: RowFilter, message: str) -> None:
    with pytest.raises(RequestInvalid, match=message):
        next(stream(generator, 1, 0, filter))


def test_seeds_and_numbers_have_bounds(generator: Generator) -> None:
    for n, seed in ((0, 0), (2, 2**64 - 1), (1, -1), (10**9 + 1, 0)):
        with pytest.raises(RequestInvalid):
            next(stream(generator, n, seed))


@pytest.mark.parametrize(
    ("column", "value"), [("stats", 0), ("type_pair", 19), ("rarity_index", 4), ("total", 1), ("types", 1)]
)
def test_model_with_invalid_rows_is_rejected(generator: Generator, column: str, value: int) -> None:
    model = generator.bundle.model("stats")

    def run(outputs: list[str], feeds: dict[str, Any]) -> list[Any]:
        count = len(feeds["latent"])
        drawn = {
            "stats": np.full((count, 6), 100, np.uint8),
            "type_pair": np.tile(np.array([1, 18], np.uint8), (count, 1)),
            "rarity_index": np.zeros(count, np.uint8),
        }
        if column in drawn:
            drawn[column][3] = value
        if column == "total":
            drawn["stats"][3, 0] = 101
        return [drawn[name] for name in outputs]

    broken: Any = SimpleNamespace(bundle=generator.bundle, session=lambda model: SimpleNamespace(run=run))
    filter = RowFilter(("fire",) if column != "types" else ("water",), 600)
    with pytest.raises(
        BundleInvalid, match=f"{model.file}: generates an invalid row from seed {0 if column == 'types' else 3}"
    ):
        next(stream(broken, 10, 0, filter))


def written(generator: Generator, format: str, n: int = 40) -> bytes:
    out = io.BytesIO()
    write_stats(generator, out, n, 5, RowFilter(total=500), format)
    return out.getvalue()


def test_formats_have_equal_rows(generator: Generator) -> None:
    rows = [row.described() for row in generator.stats(40, 5, total=500)]
    assert json.loads(written(generator, "json")) == rows
    table = list(csv.DictReader(io.StringIO(written(generator, "csv").decode())))
    for row, cells in zip(rows, table, strict=True):
        types = [cells.pop("type1"), cells.pop("type2")]
        assert [kind for kind in types if kind] == row["types"]
        assert {key: int(cells[key]) if key != "rarity" else cells[key] for key in cells} | {
            "types": row["types"]
        } == row
    parquet = pytest.importorskip("pyarrow.parquet")
    assert parquet.read_table(io.BytesIO(written(generator, "parquet"))).to_pylist() == rows
    lines = [line.split() for line in written(generator, "table").decode().splitlines()]
    assert [line[7:] for line in lines[1:]] == [
        [str(row["total"]), "/".join(row["types"]), row["rarity"]] for row in rows
    ]
    assert len({line.rindex(" ") for line in written(generator, "table").decode().splitlines()}) == 1, "aligned"


def test_csv_is_what_pgtrain_reads(generator: Generator, tmp_path: Path) -> None:
    from pgtrain.data.stats_rows import read_table

    write_stats(generator, tmp_path / "new.csv", 20)
    rows = read_table(tmp_path / "new.csv").rows
    assert [row.total for row in rows] == generator.stats(20).totals.tolist()


def test_many_blocks_are_one_file(generator: Generator, tmp_path: Path) -> None:
    n = 2 * BLOCK + 7
    write_stats(generator, tmp_path / "many.json", n, seed=BLOCK - 3)
    rows = json.loads((tmp_path / "many.json").read_text())
    assert [row["seed"] for row in rows] == list(range(BLOCK - 3, BLOCK - 3 + n))
    assert json.loads(b"".join(_text([]))) == []


def _text(parts: list[Rows]) -> Iterator[bytes]:
    out = io.BytesIO()
    write_rows(parts, "json", out)
    yield out.getvalue()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_interrupted_write_leaves_no_partial_file(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, error: BaseException
) -> None:
    block = generator.stats(3)

    def broken(*_: object) -> Iterator[Rows]:
        yield block
        raise error

    monkeypatch.setattr("pgen.stats.job.stream", broken)
    (tmp_path / "old").write_text("kept")
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else OutputInvalid
    for out in ("old", "new"):
        with pytest.raises(expected):
            write_stats(generator, tmp_path / out, 10, format=format)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"old": "kept"}


def test_rows_are_columns_and_rows(generator: Generator) -> None:
    rows = generator.stats(6)
    assert len(rows) == len(list(rows)) == 6
    again = joined([rows[:2], rows[2:]])
    assert list(again) == list(rows)
    assert isinstance(next(iter(rows)), Row)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arguments=st.fixed_dictionaries(
        {},
        optional={
            "-n": st.integers(-2, 30).map(str),
            "--seed": st.integers(-1, 2**65).map(str),
            "--type": st.sampled_from(TYPES) | st.text(max_size=8),
            "--total": st.integers(-10, 2000).map(str) | st.text(max_size=4),
            "--rarity": st.sampled_from(RARITIES) | st.text(max_size=8),
            "--format": st.sampled_from(FORMATS) | st.text(max_size=5),
        },
    ),
    legendary=st.booleans(),
    name=st.sampled_from(["rows.csv", "rows.json", "rows.parquet", "rows.txt", "rows", "no/rows.csv"]),
)
def test_any_options_write_a_file_or_fail_in_one_line(
    full_bundle: Path, tmp_path_factory: pytest.TempPathFactory, arguments: dict[str, str], legendary: bool, name: str
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    options = [f"{key}={value}" if key.startswith("--") else f"{key}{value}" for key, value in arguments.items()]
    flags = ["--legendary"] if legendary else []
    done = CliRunner().invoke(
        main, ["stats", "--bundle", str(full_bundle), *options, *flags, "--out", str(folder / name)], prog_name="pgen"
    )
    files = [path for path in folder.rglob("*") if path.is_file()]
    if done.exit_code == 0:
        assert files == [folder / name]
        assert files[0].stat().st_size > 0
    else:
        assert done.exit_code == 2, (done.exception, done.output)
        assert isinstance(done.exception, SystemExit)
        assert done.output.startswith("Error: ")
        assert done.output.count("\n") == 1
        assert files == []


def test_command_prints_rows(command: Command, full_bundle: Path, generator: Generator, tmp_path: Path) -> None:
    common = ("pgen", "stats", "--bundle", full_bundle, "-n", 3, "--type", "fire", "--total", 600, "--legendary")
    shown = command(*common, "--format", "json")
    rows = generator.stats(3, type="fire", total=600, legendary=True)
    assert json.loads(shown.stdout) == [row.described() for row in rows], shown.stderr
    assert shown.stderr == ""
    saved = command(*common, "--out", tmp_path / "rows.csv")
    assert (saved.returncode, saved.stdout.strip()) == (0, str(tmp_path / "rows.csv"))
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 4
    assert command(*common, "--quiet", "--out", tmp_path / "rows.csv").stdout == ""


def test_bundle_without_stats_is_rejected(command: Command, tiny_bundle: Path) -> None:
    done = command("pgen", "stats", "--bundle", tiny_bundle)
    assert done.returncode == 2
    assert "has no stats model" in done.stderr
    assert done.stderr.count("\n") == 1
