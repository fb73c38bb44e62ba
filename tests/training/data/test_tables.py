"""Tables of stats as Kaggle, the hub and pgen have them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.csv import read_csv

from pgtrain.data.stats_rows import Row, describe_table, read_table
from pgtrain.errors import DataInvalid
from tests.conftest import Command

STATS = (78, 84, 78, 109, 85, 100)
ABCSDS = """#,Name,Type 1,Type 2,Total,HP,Attack,Defense,Sp. Atk,Sp. Def,Speed,Generation,Legendary
6,Charizard,Fire,Flying,534,78,84,78,109,85,100,1,False
150,Mewtwo,Psychic,,680,106,110,90,154,90,130,1,True
"""
MARIOTORMO = """,pokedex_number,name,status,type_1,type_2,total_points,hp,attack,defense,sp_attack,sp_defense,speed
0,6,Charizard,Normal,Fire,Flying,534.0,78,84,78,109,85,100
1,144,Articuno,Sub Legendary,Ice,Flying,580,90,85,100,95,125,85
2,150,Mewtwo,Legendary,Psychic,,680,106,110,90,154,90,130
3,151,Mew,Mythical,Psychic,,600,100,100,100,100,100,100
"""
PGEN = """seed,hp,attack,defense,special_attack,special_defense,speed,total,type1,type2,rarity
1,78,84,78,109,85,100,534,fire,flying,ordinary
2,100,100,100,100,100,100,600,psychic,,mythical
3,10,10,10,10,10,10,60,psychic,,baby
"""


def table(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(content, "utf-8")
    return path


def test_table_of_abcsds_is_read(tmp_path: Path) -> None:
    read = read_table(table(tmp_path, ABCSDS))
    assert read.rows[0] == Row(STATS, ("fire", "flying"), "ordinary", "Charizard")
    assert [row.rarity for row in read.rows] == ["ordinary", "legendary"]
    assert read.unused == ("#", "Generation")
    assert read.used["special_attack"] == "Sp. Atk"


def test_status_of_mariotormo_is_the_rarity(tmp_path: Path) -> None:
    read = read_table(table(tmp_path, MARIOTORMO))
    assert [row.rarity for row in read.rows] == ["ordinary", "legendary", "legendary", "mythical"]
    assert read.unused == ("(no title)", "pokedex_number")


def test_rarity_of_rows_that_pgen_wrote_comes_back(tmp_path: Path) -> None:
    read = read_table(table(tmp_path, PGEN))
    assert [row.rarity for row in read.rows] == ["ordinary", "mythical", "baby"]
    assert read.unused == ("seed",)


def test_parquet_that_pgen_wrote_comes_back(tmp_path: Path) -> None:
    names = ("hp", "attack", "defense", "special_attack", "special_defense", "speed")
    columns = {"seed": pa.array([1, 2], pa.uint64())} | {name: pa.array([50, 60], pa.uint8()) for name in names}
    columns |= {"total": pa.array([300, 360], pa.uint16()), "types": pa.array([["fire"], ["ice", "fairy"]])}
    columns["rarity"] = pa.array(["ordinary", "legendary"]).dictionary_encode()
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    rows = read_table(tmp_path / "rows.parquet").rows
    assert rows == [Row((50,) * 6, ("fire",)), Row((60,) * 6, ("ice", "fairy"), "legendary")]
    assert read_table(tmp_path).rows == rows, "a folder with one table, as kagglehub gives"


@pytest.mark.parametrize("nothing", ["", "None", "NaN", "N/A", "-", "null", " "])
def test_placeholder_cells_are_empty(tmp_path: Path, nothing: str) -> None:
    line = f"A,{nothing},1,1,1,1,1,1,{nothing},{nothing}"
    titles = "name,type2,hp,attack,defense,sp_atk,sp_def,speed,legendary,total,type1"
    assert read_table(table(tmp_path, f"{titles}\n{line},Fire\n")).rows == [Row((1,) * 6, ("fire",), name="A")]


@pytest.mark.parametrize(("label", "rarity"), [("1.0", "legendary"), ("0.0", "ordinary"), ("TRUE", "legendary")])
def test_labels_are_numbers_and_words(tmp_path: Path, label: str, rarity: str) -> None:
    content = f"hp,attack,defense,sp_atk,sp_def,speed,type1,legendary\n1.0,1,1,1,1,1,Fire,{label}\n"
    assert read_table(table(tmp_path, content)).rows[0].rarity == rarity


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("inf,1,1,1,1,1,fire,6", "line 2: hp is 'inf', expected an integer"),
        ("1,1,1,1,1,1,fire,inf", "line 2: total is 'inf', expected an integer"),
        ("N/A,1,1,1,1,1,fire,6", "line 2: hp is 'N/A'"),
        ("1,1,1,1,1", "line 2: 5 cells, expected 8"),
        ("1,1,1,1,1,1,fire,6,9", "line 2: 9 cells, expected 8"),
    ],
)
def test_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataInvalid, match=message):
        read_table(table(tmp_path, f"hp,attack,defense,sp_atk,sp_def,speed,type1,total\n{line}\n"))


def test_several_tables_in_a_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(PGEN)
    (tmp_path / "b.csv").write_text(PGEN)
    with pytest.raises(DataInvalid, match=r"holds 2 tables; give one of a.csv, b.csv"):
        read_table(tmp_path)


def test_description_of_a_table_names_every_column(tmp_path: Path) -> None:
    described = describe_table(table(tmp_path, ABCSDS))
    assert described["rows"] == 2
    assert described["rarities"] == {"ordinary": 1, "legendary": 1}
    assert described["columns"]["special_attack"] == "Sp. Atk"
    assert described["unused columns"] == ("#", "Generation")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_inspect_shows_a_table(inside: Command, tmp_path: Path, suffix: str) -> None:
    path = table(tmp_path, ABCSDS)
    if suffix == ".parquet":
        pq.write_table(read_csv(path), path := path.with_suffix(suffix))
        (tmp_path / "table.csv").unlink()
    done = inside("pgtrain", "data", "inspect", path)
    assert done.returncode == 0, done.stderr
    assert "special_attack: Sp. Atk" in done.stdout
    assert "unused columns: #, Generation" in done.stdout
    assert inside("pgtrain", "data", "inspect", tmp_path).stdout == done.stdout, "a folder of one table, as Kaggle has"
    report = json.loads(inside("pgtrain", "data", "inspect", path, "--json").stdout)
    assert (report["rows"], report["unused columns"]) == (2, ["#", "Generation"])


def test_permissions_of_a_table_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(read_csv(table(tmp_path, ABCSDS)), path := tmp_path / "table.parquet")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(PermissionError, match=r"table.parquet"):
        read_table(path)


def test_training_on_what_is_no_table_names_it(inside: Command, small_data: Path, tmp_path: Path) -> None:
    one = table(tmp_path, "\n".join(ABCSDS.splitlines()[:2]))
    latin = tmp_path / "latin.csv"
    latin.write_bytes(ABCSDS.replace("Mewtwo", "Flabébé").encode("latin-1"))
    for data, message in (
        (one, "has 1 row; training needs at least 2 rows"),
        (latin, "cannot be read ('utf-8' codec"),
        (small_data / "images", "holds no table of stats"),
        (tmp_path / "none.csv", "not found"),
        (next((small_data / "images").iterdir()), "not a table"),
    ):
        done = inside("pgtrain", "stats", "--data", data, "--out", tmp_path / "run", "--epochs", 1)
        assert done.returncode == 2, data
        assert f"{data}: {message}" in done.stderr.splitlines()[-1]
