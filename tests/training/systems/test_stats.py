import json
import os
import random
import re
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from pgtrain.cli import main
from pgtrain.data.options import DEFAULT
from pgtrain.data.sources.metadata import METADATA
from pgtrain.data.stats_rows import PAIRS, RARITIES, TYPES, Row, read_table
from pgtrain.engine.accelerator import Accelerator
from pgtrain.engine.run import CHECKPOINT
from pgtrain.errors import DataInvalid, DataNotFound, Interrupted, RequestInvalid, RunInvalid
from pgtrain.systems.stats.config import RECIPES, StatsConfig
from pgtrain.systems.stats.generate import conditions, generate, load
from pgtrain.systems.stats.networks import Generator, Quantiles, fit_total
from pgtrain.systems.stats.system import StatsGAN
from pgtrain.systems.stats.table import Table, decode, encode, read
from pgtrain.train import Request, train

SMALL = {"width": 16, "critic_width": 16, "batch": 16, "noise_dim": 8, "passes": 1}
LATENTS = 8 + 324 + 1


def drawn_rows(count: int = 80) -> list[Row]:
    draw = random.Random(0)
    rows = []
    for number in range(count):
        types = tuple(draw.sample(TYPES, draw.randint(1, 2)))
        stats = tuple(draw.randint(1, 51) * 5 for _ in range(6))
        rows.append(Row(stats, types, draw.choice(RARITIES), f"Mon{number}"))
    return rows


ROWS = drawn_rows()


def make(data: Table, **options: object) -> StatsGAN:
    torch.manual_seed(0)
    return StatsGAN(StatsConfig(**RECIPES["default"] | SMALL | options), Accelerator("fp32"), data)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def generator() -> Generator:
    """A generator whose weights are far from those it starts with, so that decoding meets odd numbers."""
    network = make(encode(ROWS)).generator.eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight))
    return network


ASKED = {
    "type": st.none() | st.sampled_from(TYPES) | st.sampled_from(PAIRS).filter(lambda pair: pair[1] < 18),
    "total": st.none() | st.integers(6, 1530),
    "rarity": st.none() | st.sampled_from(RARITIES),
}


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 30), st.fixed_dictionaries(ASKED))
def test_any_latents_and_conditions_decode_to_matching_rows(
    generator: Generator, seed: int, scale: float, condition: dict[str, object]
) -> None:
    if isinstance(condition["type"], tuple):
        condition["type"] = [TYPES[kind] for kind in condition["type"]]
    latents = scale * torch.randn(7, LATENTS, generator=torch.Generator().manual_seed(seed))
    rows = generate(generator, 7, latents=latents, **condition)  # type: ignore[arg-type]
    for row in rows:  # a Row that exists is valid
        assert condition["total"] in (None, row.total)
        assert condition["rarity"] in (None, row.rarity)
        kinds = (
            condition["type"]
            if isinstance(condition["type"], list)
            else [condition["type"]]
            if condition["type"]
            else []
        )
        assert set(row.types) >= set(kinds)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(1, 255), min_size=6, max_size=6), st.integers(6, 1530))
def test_stats_are_made_to_fit_any_total(stats: list[int], total: int) -> None:
    (fitted,) = fit_total(torch.tensor([stats]).float(), torch.tensor([float(total)])).tolist()
    assert sum(fitted) == total
    assert all(1 <= value <= 255 and value == int(value) for value in fitted)


@given(st.lists(st.integers(1, 255), min_size=6, max_size=6))
def test_stats_that_fit_are_left_alone(stats: list[int]) -> None:
    given_ = torch.tensor([stats]).float()
    assert fit_total(given_, given_.sum(1)).equal(given_)


def test_multiples_of_five_stay_multiples_of_five() -> None:
    fitted = fit_total(torch.tensor([[100.0, 80, 75, 60, 45, 90]]), torch.tensor([600.0]))
    assert (fitted % 5 == 0).all()


@settings(deadline=None)
@given(st.lists(st.integers(1, 255), min_size=6, max_size=6), st.sampled_from(ROWS), st.floats(0.01, 0.99))
def test_every_row_encodes_and_decodes_to_itself(stats: list[int], row: Row, share: float) -> None:
    quantiles, rows = Quantiles(encode(ROWS).stats), torch.tensor([stats])
    assert quantiles(quantiles.encode(rows)).tolist() == rows.tolist()
    seen = torch.tensor([row.stats])
    assert quantiles(quantiles.spread(seen, torch.full((1, 6), share))).tolist() == seen.tolist()


def test_every_real_record_encodes_and_decodes_to_itself(pokemon: Path) -> None:
    rows = read_table(pokemon).rows
    data = encode(rows)
    quantiles = Quantiles(data.stats)
    back = decode(quantiles(quantiles.encode(data.stats)), data.pairs, data.rarities)
    assert [(row.stats, row.types, row.rarity) for row in back] == [(row.stats, row.types, row.rarity) for row in rows]
    assert len(rows) == 1177


def test_same_latents_same_rows_whatever_the_batch(generator: Generator) -> None:
    latents = torch.randn(40, LATENTS, generator=torch.Generator().manual_seed(3))
    whole = generate(generator, 40, latents=latents, type="fire")
    parts = [row for part in latents.split(9) for row in generate(generator, len(part), latents=part, type="fire")]
    assert whole == parts
    assert generate(generator, 5, seed=3) == generate(generator, 5, seed=3) != generate(generator, 5, seed=4)


def test_rarity_and_total_come_from_rows_that_fit_what_is_asked() -> None:
    rows = [Row((20,) * 6, ("fire",), "baby"), Row((50,) * 6, ("water",)), Row((100,) * 6, ("water",), "legendary")]
    network = make(encode(rows)).generator
    assert {(row.total, row.rarity) for row in generate(network, 50, type="fire")} == {(120, "baby")}
    assert {(row.total, row.rarity) for row in generate(network, 50, type="water")} == {
        (300, "ordinary"),
        (600, "legendary"),
    }
    assert {row.rarity for row in generate(network, 50, total=590)} == {"legendary"}
    assert {row.total for row in generate(network, 50, type="fire", rarity="legendary")} == {600}


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"type": "sound"}, "no such type: 'sound'"),
        ({"type": ["fire", "fire"]}, "two different"),
        ({"type": ["fire", "ice", "bug"]}, "two different"),
        ({"total": 5}, "6 to 1530"),
        ({"total": 1531}, "6 to 1530"),
        ({"rarity": "shiny"}, "no such rarity"),
    ],
)
def test_impossible_conditions_are_rejected(condition: dict[str, object], message: str) -> None:
    with pytest.raises(RequestInvalid, match=message):
        conditions(1, **condition)  # type: ignore[arg-type]


def test_latents_of_another_shape_are_rejected(generator: Generator) -> None:
    with pytest.raises(RequestInvalid, match=r"\(2, 333\)"):
        generate(generator, 2, latents=torch.zeros(2, 3))


CASES: Iterable[dict[str, object]] = [
    {},
    {"loss": "hinge", "pac": 1, "critic_steps": 2},
    {"penalty": "gp", "loss": "bce", "soft_labels": 0.1, "matching": 1.0},
    {"networks": "residual"},
    RECIPES["original"],
]


@pytest.mark.parametrize("options", CASES)
def test_every_recipe_trains_both_networks(options: dict[str, object]) -> None:
    data = encode(ROWS)
    made = make(data, **options | SMALL)
    made.networks.train()
    before = {name: value.clone() for name, value in made.networks.state_dict().items()}
    for step in range(4):
        assert made.start_epoch(step) == "adversarial"
        metrics = made.train_step(data, torch.arange(16), step)
        assert all(torch.isfinite(value) for value in metrics.values())
    after = made.networks.state_dict()
    for part in ("generator.stats", "generator.pair", "critic", "average.module.stats"):
        assert any(not torch.equal(before[name], after[name]) for name in after if name.startswith(part)), part
    assert made.progress().size == data.preview().size


def test_pack_is_filled_where_rows_are_few() -> None:
    data = encode(ROWS[:2])
    metrics = make(data, pac=8).train_step(data, torch.arange(2), 0)
    assert torch.isfinite(metrics["critic"])


def test_named_type_stands_for_every_row_that_has_it() -> None:
    rows = [Row((50,) * 6, ("fire",)), Row((60,) * 6, ("fire", "ice"))]
    made = make(encode(rows), type_dropout=0.5)
    indices, named = made._choose_named(torch.arange(2).repeat(20_000))
    types = made._conditions(indices, named).types
    unnamed = types.sum(1) == 0
    fire_alone = (types[:, TYPES.index("fire")] == 1) & (types.sum(1) == 1)
    assert unnamed.float().mean().item() == pytest.approx(0.5, abs=0.02)
    for condition in (unnamed, fire_alone):  # in both, the two rows come as often as each other
        assert indices[condition].float().mean().item() == pytest.approx(0.5, abs=0.02)


def test_learning_rate_depends_on_the_epoch_alone() -> None:
    made = make(encode(ROWS), lr=1.0, lr_decay=0.5, lr_epochs=10)
    for epoch, rate in ((25, 0.25), (9, 1.0), (10, 0.5)):
        made.start_epoch(epoch)
        assert made.optimizers["generator"].param_groups[0]["lr"] == rate


def test_generator_exports_with_plain_operators_and_a_free_batch(generator: Generator, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "stats.onnx"
    latents = torch.randn(3, LATENTS, generator=torch.Generator().manual_seed(0))
    condition = conditions(3, "fire", 500, None)
    shapes = {name: {0: torch.export.Dim("batch")} for name in ("latent", "types", "total", "rarity")}
    torch.onnx.export(generator, (latents, *condition), path, dynamo=True, external_data=False, dynamic_shapes=shapes)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    latents = torch.randn(11, LATENTS, generator=torch.Generator().manual_seed(1))
    inputs = dict(zip(("latent", "types", "total", "rarity"), (latents, *conditions(11)), strict=True))
    outputs = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    stats, _, pair, rarity = (torch.from_numpy(value) for value in outputs[:4])
    assert decode(stats.round(), pair.argmax(1), rarity.argmax(1)) == generate(generator, 11, latents=latents)


HEADERS = {
    "rounakbanik": "name,pokedex_number,hp,attack,defense,sp_attack,sp_defense,speed,type1,type2,is_legendary",
    "dex": "Dex No,Name,Base Name,Type 1,Type 2,BST,HP,Attack,Defense,SP. Attack,SP. Defense,Speed",
}
LINES = {
    "rounakbanik": ["Charizard,6,78,84,78,109,85,100,fire,flying,0", "Mewtwo,150,106,110,90,154,90,130,psychic,,1"],
    "dex": [
        "6,Charizard,Charizard,FIRE,Flying,534,78,84,78,109,85,100",
        "150,Mewtwo,Mewtwo,Psychic,,680,106,110,90,154,90,130",
    ],
}


def csv(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "pokemon.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.mark.parametrize("layout", HEADERS)
@pytest.mark.parametrize("upper", [False, True])
def test_both_kaggle_tables_are_read(tmp_path: Path, layout: str, upper: bool) -> None:
    header = HEADERS[layout].upper() if upper else HEADERS[layout]
    charizard, mewtwo = read_table(csv(tmp_path, header, *LINES[layout])).rows
    assert charizard == Row((78, 84, 78, 109, 85, 100), ("fire", "flying"), "ordinary", "Charizard")
    assert (mewtwo.types, mewtwo.total) == (("psychic",), 680)
    assert mewtwo.rarity == ("legendary" if layout == "rounakbanik" else "ordinary")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Mew,151,100,100,100,100,100,many,psychic,,1", "speed is 'many'"),
        ("Mew,151,100,100,100,100,100,256,psychic,,1", "speed is 256"),
        ("Mew,151,100,100,100,100,100,0.5,psychic,,1", "speed is '0.5'"),
        ("Mew,151,100,100,100,100,100,100,sound,,1", "no such type: 'sound'"),
        ("Mew,151,100,100,100,100,100,100,,,1", "types are missing"),
        ("Mew,151,100,100,100,100,100,100,psychic,,perhaps", "is_legendary is 'perhaps'"),
    ],
)
def test_bad_line_of_a_csv_is_named(tmp_path: Path, line: str, message: str) -> None:
    header, good = HEADERS["rounakbanik"], LINES["rounakbanik"][0]
    with pytest.raises(DataInvalid, match="line 3") as refused:
        read_table(csv(tmp_path, header, good, line))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_total_that_is_not_the_sum_is_named(tmp_path: Path) -> None:
    wrong = "6,Charizard,Charizard,Fire,Flying,500,78,84,78,109,85,100"
    with pytest.raises(DataInvalid, match="line 2: the total is 500, but the six stats sum to 534"):
        read_table(csv(tmp_path, HEADERS["dex"], wrong))


def test_several_tables_are_concatenated(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("one", "other")]
    others = [line.replace("Charizard", "Charmander").replace("Mewtwo", "Mew") for line in LINES["dex"]]
    for place, lines in zip(places, (LINES["dex"], others), strict=True):
        place.mkdir()
        csv(place, HEADERS["dex"], *lines)
    files = [place / "pokemon.csv" for place in places]
    alone, both = read(files[0], StatsConfig(), None, DEFAULT), read(files, StatsConfig(), None, DEFAULT)
    assert both.names == ["Charizard", "Mewtwo", "Charmander", "Mew"]
    assert both.totals.tolist() == [534, 680, 534, 680]
    assert both.identity != alone.identity == read((files[0],), StatsConfig(), None, DEFAULT).identity


def test_missing_columns_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="no column speed"):
        read_table(csv(tmp_path, HEADERS["dex"].replace(",Speed", "")))
    with pytest.raises(DataInvalid, match="holds no row"):
        read_table(csv(tmp_path, HEADERS["dex"]))
    with pytest.raises(DataNotFound, match="nowhere"):
        read_table(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1"),
        ("[]", "line 1"),
        ('{"types": ["fire"]}', "hp is None"),
        ('{"stats": 3, "types": ["fire"]}', "line 1"),
        ('{"stats": {"hp": true}, "types": ["fire"]}', "hp is True"),
    ],
)
def test_bad_line_of_metadata_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / METADATA).write_text(line, "utf-8")
    with pytest.raises(DataInvalid, match="line 1") as refused:
        read_table(tmp_path)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.csv"], "nowhere.csv: not found"),
        (["--data", "nowhere.csv", "--dropout", "2"], "'--dropout'"),
        (["--data", "nowhere.csv", "--temperature", "0"], "'--temperature'"),
    ],
)
def test_command_refuses_in_one_line(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(main, ["stats", *arguments])
    assert done.exit_code == 2
    (line,) = (line for line in done.output.splitlines() if line.startswith("Error"))
    assert message in line


def test_run_of_another_system_is_rejected(tmp_path: Path) -> None:
    described: dict[str, object] = {
        "encoder": None,
        "seed": 0,
        "config": {},
        "versions": {},
        "system": "dcgan",
        "data": {"digest": "", "examples": 1, "names": []},
    }
    described |= {"epochs": 1, "accumulate": 1, "revision": None}
    (tmp_path / "config.json").write_text(json.dumps(described))
    with pytest.raises(RunInvalid, match="is a run of dcgan; choose a run of stats"):
        load(tmp_path)


def table(folder: Path) -> Path:
    lines = [",".join([row.name, "1", *map(str, row.stats), *(*row.types, "")[:2], "0"]) for row in ROWS]
    return csv(folder, HEADERS["rounakbanik"], *lines)


def start(data: Path | tuple[str, ...], out: Path, epochs: int, *, resume: bool = False) -> None:
    request = Request("stats", data, out, epochs, None, 7, "fp32", 60, resume)
    train(request, StatsConfig(**SMALL))  # type: ignore[arg-type]


def test_resuming_on_other_tables_names_them(tmp_path: Path) -> None:
    data = str(table(tmp_path))
    start((data,), tmp_path / "run", 1)
    with pytest.raises(RunInvalid, match=f"on other data than {re.escape(data)}, {re.escape(data)}; give the same"):
        start((data, data), tmp_path / "run", 2, resume=True)


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = table(tmp_path)
    start(data, tmp_path / "whole", 4)
    real_step, calls = StatsGAN.train_step, []

    def counted(self: StatsGAN, *arguments: object) -> object:
        calls.append(1)
        if len(calls) == 8:  # in the middle of the second epoch of five steps
            os.kill(os.getpid(), signal.SIGTERM)
        return real_step(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(StatsGAN, "train_step", counted)
    with pytest.raises(Interrupted):
        start(data, tmp_path / "parts", 4)
    start(data, tmp_path / "parts", 4, resume=True)
    whole, parts = (load_file(tmp_path / name / CHECKPOINT) for name in ("whole", "parts"))
    assert not [name for name in whole if not torch.equal(whole[name], parts[name])]
    assert generate(load(tmp_path / "whole"), 9, seed=1) == generate(load(tmp_path / "parts"), 9, seed=1)
    assert (tmp_path / "whole" / "real.png").is_file()
    assert len(list((tmp_path / "whole" / "grids").iterdir())) == 4
