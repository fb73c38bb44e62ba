"""The default data set, from a server on this machine that lays its files out as the two repositories do."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pgtrain.data.sources import default, pokeapi, read
from pgtrain.data.sources.default import Origin
from pgtrain.data.sources.download import CHECKSUMS
from pgtrain.errors import DataInvalid, DataNotFound
from tests.conftest import Command, disk_full, draw

TABLES = {
    "pokemon.csv": """id,identifier,species_id,height,weight,base_experience,order,is_default
1,leafling,1,7,69,64,1,1
10001,leafling-mega,1,24,1555,281,2,0
2,seaworm,2,10,130,142,3,1
""",
    "pokemon_species.csv": """id,identifier,generation_id,evolves_from_species_id,evolution_chain_id,color_id,shape_id,\
habitat_id,gender_rate,capture_rate,base_happiness,is_baby,hatch_counter,has_gender_differences,growth_rate_id,\
forms_switchable,is_legendary,is_mythical,order,conquest_order
1,leafling,1,,1,5,8,3,1,45,50,0,20,0,4,0,0,0,1,
2,seaworm,9,1,1,2,2,,1,45,50,0,20,0,4,0,1,0,2,
3,unready,10,,2,2,2,,1,45,50,0,20,0,4,0,1,0,2,
""",
    "pokemon_species_names.csv": """pokemon_species_id,local_language_id,name,genus
1,6,Blattling,Blatt-Pokémon
1,9,Leafling,Leaf Pokémon
2,9,"Sea, Worm",Worm Pokémon
""",
    "pokemon_types.csv": "pokemon_id,type_id,slot\n1,4,2\n1,12,1\n10001,12,1\n2,11,1\n",
    "pokemon_stats.csv": "pokemon_id,stat_id,base_stat,effort\n"
    + "".join(f"{number},{stat},{40 + stat},0\n" for number in (1, 2, 10001) for stat in range(1, 7)),
    "types.csv": "id,identifier,generation_id,damage_class_id\n4,poison,1,2\n11,water,1,3\n12,grass,1,3\n",
    "stats.csv": "id,damage_class_id,identifier,is_battle_only,game_index\n1,,hp,0,1\n2,2,attack,0,2\n"
    "3,2,defense,0,3\n4,3,special-attack,0,5\n5,3,special-defense,0,6\n6,,speed,0,4\n",
    "pokemon_colors.csv": "id,identifier\n2,blue\n5,green\n",
    "pokemon_shapes.csv": "id,identifier\n2,squiggle\n8,quadruped\n",
    "pokemon_habitats.csv": "id,identifier\n3,grassland\n",
}
POKEDEX = [
    {"id": 1, "name": {"english": "Leafling"}, "type": ["Grass"], "species": "Leaf Pokémon", "description": "It naps."},
    {"id": 2, "name": {"english": "Sea, Worm"}, "type": ["Water"], "species": "Worm Pokémon"},
]


class Server:
    """Serves `folder`, counts what is asked for, and can cut transfers short."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.paths, self.cut = folder, list[str](), ""
        outer = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.paths.append(self.path)
                if outer.cut and self.path.endswith(outer.cut):
                    self.send_response(200)
                    self.send_header("Content-Length", "1000000")
                    self.end_headers()
                    self.wfile.write(b"only this")
                    return
                super().do_GET()

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{self.server.server_port}"
        self.origin = Origin(f"{address}/dex", f"{address}/csv")

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "served"
    (folder / "csv").mkdir(parents=True)
    for name, content in TABLES.items():
        (folder / "csv" / name).write_text(content, "utf-8")
    draw(folder / "dex/images/pokedex/hires/001.png", color="green")
    (folder / "dex/pokedex.json").write_text(json.dumps(POKEDEX), "utf-8")
    served = Server(folder)
    yield served
    served.close()


def test_every_table_is_served() -> None:
    assert tuple(TABLES) == pokeapi.TABLES


def test_data_set_is_joined_into_metadata(server: Server, tmp_path: Path) -> None:
    folder = default.fetch(tmp_path / "cache", server.origin)
    first, second = (json.loads(line) for line in (folder / "metadata.jsonl").read_text("utf-8").splitlines())
    assert first == {
        "file_name": "images/001.png",
        "id": 1,
        "name": "Leafling",
        "genus": "Leaf Pokémon",
        "types": ["grass", "poison"],
        "stats": {
            "hp": 41,
            "attack": 42,
            "defense": 43,
            "special_attack": 44,
            "special_defense": 45,
            "speed": 46,
        },
        "color": "green",
        "shape": "quadruped",
        "habitat": "grassland",
        "generation": 1,
        "evolves_from": None,
        "is_baby": False,
        "is_legendary": False,
        "is_mythical": False,
        "height_dm": 7,
        "weight_hg": 69,
        "description": "It naps.",
    }
    assert "file_name" not in second
    assert (second["name"], second["evolves_from"], second["habitat"]) == ("Sea, Worm", 1, None)
    assert second["is_legendary"]
    assert [record.name for record in read(folder).records] == ["Leafling", "Sea, Worm"]


def test_second_fetch_downloads_nothing_and_works_offline(server: Server, tmp_path: Path) -> None:
    folder = default.fetch(tmp_path / "cache", server.origin)
    requests, digest = len(server.paths), read(folder).digest()
    server.close()
    assert read(default.fetch(tmp_path / "cache", server.origin)).digest() == digest
    assert len(server.paths) == requests == len(TABLES) + 3


def test_damaged_file_is_downloaded_again(server: Server, tmp_path: Path) -> None:
    folder = default.fetch(tmp_path / "cache", server.origin)
    whole = (folder / "images/001.png").read_bytes()
    (folder / "images/001.png").write_bytes(whole[:-1])
    default.fetch(folder, server.origin)
    assert (folder / "images/001.png").read_bytes() == whole
    assert server.paths[-1].endswith("001.png")


def test_file_that_changed_at_its_source_is_rejected(server: Server, tmp_path: Path) -> None:
    folder = default.fetch(tmp_path / "cache", server.origin)
    (folder / "images/001.png").unlink()
    (server.folder / "dex/images/pokedex/hires/001.png").write_bytes(b"something else")
    with pytest.raises(DataInvalid, match=r"001\.png: differs from what was first downloaded.*delete"):
        default.fetch(folder, server.origin)
    assert list((folder / "images").iterdir()) == []


@pytest.mark.parametrize("name", ["pokemon.csv", "pokedex.json", "001.png"])
def test_cut_transfer_is_not_trusted_and_continues_later(server: Server, tmp_path: Path, name: str) -> None:
    server.cut = name
    with pytest.raises(DataNotFound, match=rf"{name} cannot be downloaded \(only 9 of 1,000,000 bytes") as refused:
        default.fetch(tmp_path / "cache", server.origin)
    assert "\n" not in refused.value.message
    assert not list((tmp_path / "cache").rglob("*.part"))
    assert not (tmp_path / "cache/metadata.jsonl").exists()
    server.cut, server.paths[:] = "", []
    assert read(default.fetch(tmp_path / "cache", server.origin)).images
    done = (tmp_path / "cache" / CHECKSUMS).read_text().splitlines()
    assert len(done) == len(TABLES) + 3


def test_tables_that_are_not_as_known(server: Server, tmp_path: Path) -> None:
    (server.folder / "csv/pokemon_stats.csv").write_text("pokemon,stat\n1,2\n")
    with pytest.raises(DataInvalid, match=r"not the tables of PokeAPI.*folder of data"):
        default.fetch(tmp_path / "cache", server.origin)


def test_errors_of_the_disk_are_not_taken_for_the_network(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgtrain.data.sources.download.atomic_path", disk_full)
    with pytest.raises(DataInvalid, match=r"cache: No space left on device; free space$"):
        default.fetch(tmp_path / "cache", server.origin)


def test_missing_table_is_reported(server: Server, tmp_path: Path) -> None:
    (server.folder / "csv/types.csv").unlink()
    with pytest.raises(DataNotFound, match=r"types\.csv cannot be downloaded.*folder of data"):
        default.fetch(tmp_path / "cache", server.origin)


@pytest.mark.parametrize("call", [["data", "fetch"], ["dcgan", "--out", "run"]])
def test_offline_is_one_line(inside: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: list[str]) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the discard port: nobody listens
    done = inside("pgtrain", *call, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "the default data set is not complete" in line
    assert "use a folder of data" in line
    assert ("(--data)" in line) == (call[0] == "dcgan"), "data fetch has no such option"
    assert not (tmp_path / "run").exists()
