"""Parity: figures, limits, and messages of failures."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pgen.errors import BundleNotFound
from pgen.text_encoder import TextEncoder
from pgexport.errors import ParityFailed
from pgexport.export import export_runs
from pgexport.metrics import Array
from pgexport.parity.checks import check, measure
from pgexport.parity.comparisons import in_pytorch
from pgexport.parity.tolerances import FROM_ABOVE, TOLERANCES
from pgexport.trial import Feeds, Trial, fresh_seed, latent_cases


class Pictures(nn.Module):
    def forward(self, latent: Tensor) -> tuple[Tensor, ...]:
        color = (latent[:, :4].sigmoid() * 255).round()
        return (color[:, None, None, :].expand(-1, 8, 8, -1).to(torch.uint8),)


PICTURES = Trial("x", "latent-to-image", Pictures(), {k: {"latent": v} for k, v in latent_cases(6, 1).items()})


def same(feeds: Feeds) -> list[Array]:
    return in_pytorch(PICTURES.network, feeds)


def test_latent_cases() -> None:
    cases = latent_cases(7, 3)
    assert {case: value.shape for case, value in cases.items()} == dict.fromkeys(cases, (64, 7))
    assert {str(value.dtype) for value in cases.values()} == {"float32"}
    assert not cases["truncation 0"].any()
    assert np.allclose(np.linalg.norm(cases["norm 5"], axis=1), 5, atol=1e-5)
    assert (np.abs(cases["components 5"]) == 5).all()
    assert not np.array_equal(cases["random"], latent_cases(7, 4)["random"])


def test_every_trial_has_a_seed_of_its_own(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len({fresh_seed() for _ in range(10)}) > 1
    assert check(replace(PICTURES, seed=7), same, "float32")["seed"] == 7
    seeds: list[int] = []
    monkeypatch.setattr("pgexport.export.fresh_seed", lambda: 31)
    monkeypatch.setattr("pgexport.export.Writer.write", lambda writer, _: seeds.append(writer.seed))
    for fixed in (None, 0):
        with pytest.raises(BundleNotFound):
            export_runs([tiny_run], tmp_path / "b", seed=fixed)
        shutil.rmtree(tmp_path / "b")
    assert seeds == [31, 0]


def test_same_pictures_pass_and_are_written_down() -> None:
    report = check(PICTURES, same, "float32")
    assert report["batches"] == [1, 3, 64]
    assert report["figures"]["worst"] == {"measured": 0.0, "limit": 2}
    assert report["figures"]["psnr"]["measured"] == report["figures"]["extreme_psnr"]["measured"] == 99


@pytest.mark.parametrize("figure", ["worst", "most", "psnr", "extreme_most", "extreme_psnr"])
def test_every_figure_of_pictures_is_enforced(monkeypatch: pytest.MonkeyPatch, figure: str) -> None:
    impossible = -1.0 if figure in FROM_ABOVE else 100.0
    monkeypatch.setitem(TOLERANCES, "float32", replace(TOLERANCES["float32"], **{figure: impossible}))
    with pytest.raises(ParityFailed, match=rf"x: parity \(float32\): {figure} is .*; node n$"):
        check(PICTURES, same, "float32", lambda feeds, rows=None: "node n")


def test_worst_case_is_the_one_that_counts() -> None:
    def off(feeds: Feeds) -> list[Array]:
        (pixels,) = same(feeds)
        return [pixels if feeds["latent"].any() else pixels ^ 1]

    measured = measure(PICTURES, off)
    assert measured["truncation 0"]["worst"] > 1 > measured["random"]["worst"]
    assert check(PICTURES, off, "compact")["figures"]["worst"]["measured"] > 1
    assert set(measured["components 5"]) == {"extreme_most", "extreme_psnr"}


class Choosing(nn.Module):
    """A picture is white where the first number of its latent is the larger one, and black elsewhere."""

    def forward(self, latent: Tensor) -> tuple[Tensor, ...]:
        color = (latent[:, :1] > latent[:, 1:]).expand(-1, 3).to(torch.uint8) * 255
        pixels = torch.cat([color, torch.full_like(color[:, :1], 255)], 1)
        return (pixels[:, None, None].expand(-1, 8, 8, -1),)


def test_pictures_on_an_edge_between_two_choices_do_not_count() -> None:
    latent = np.stack([2 + np.arange(64), np.ones(64)], 1).astype(np.float32)
    latent[5] = 1.0005, 1
    trial = Trial("x", "latent-to-image", Choosing(), {"random": {"latent": latent}})

    def flipped(row: int) -> dict[str, float]:
        def runner(feeds: Feeds) -> list[Array]:
            (pixels,) = in_pytorch(trial.network, feeds)
            pixels[feeds["latent"][:, 0] == latent[row, 0], ..., :3] ^= 255
            return [pixels]

        return measure(trial, runner)["random"]

    assert flipped(3)["worst"] == 255
    assert flipped(5) == {"settled": 63 / 64, "worst": 0, "most": 0, "psnr": 99}


def test_pictures_that_depend_on_the_batch_are_rejected() -> None:
    def uneven(feeds: Feeds) -> list[Array]:
        (pixels,) = same(feeds)
        return [pixels if len(pixels) == 64 else pixels ^ 1]

    def locate(feeds: Feeds, rows: slice | None = None) -> str:
        return f"{len(feeds['latent'])} rows, {rows}"

    with pytest.raises(
        ParityFailed, match=r"batch 1 and batch 64 give different results; 64 rows, slice\(0, 1, None\)"
    ):
        check(PICTURES, uneven, "compact", locate)


class Rows(nn.Module):
    """A row is decided but where its latent lies within rounding of a whole number."""

    def forward(self, latent: Tensor) -> tuple[Tensor, ...]:
        return (latent.floor().to(torch.int64), latent[:, 0] > 0)


def rows(latent: Array) -> Trial:
    return Trial("r", "stats", Rows(), {"random": {"latent": latent.astype(np.float32)}})


def test_rows_must_be_equal_unless_they_lie_on_an_edge() -> None:
    trial = rows(np.random.default_rng(0).uniform(0.1, 0.9, (64, 2)))

    def wrong(feeds: Feeds) -> list[Array]:
        stats, rarity = in_pytorch(trial.network, feeds)
        stats[feeds["latent"][:, 0] == trial.cases["random"]["latent"][5, 0]] += 1
        return [stats, rarity]

    assert measure(trial, lambda feeds: in_pytorch(trial.network, feeds))["random"] == {"rows": 1.0, "decided": 1.0}
    with pytest.raises(ParityFailed, match=r"rows is 0.98438 where the limit is 1$"):
        check(trial, wrong, "float32")
    trial.cases["random"]["latent"][5, 0] = 1 - 1e-6
    assert measure(trial, wrong)["random"] == {"rows": 1.0, "decided": 63 / 64}
    assert measure(rows(np.zeros((64, 2))), wrong)["random"]["decided"] == 0


def test_empty_text_is_not_a_number() -> None:
    embeddings = Trial("e", "encoder", nn.Identity(), {"random": {"x": np.ones((64, 4), np.float32)}})
    with pytest.raises(ParityFailed, match="cosine is nan"):
        check(embeddings, lambda feeds: [feeds["x"] * np.nan], "compact")
    assert check(embeddings, lambda feeds: [feeds["x"]], "compact")["figures"]["cosine"]["measured"] == 1


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"cosine": 100.0}, r"encoder: parity \(compact\): cosine is"),
        ({"text_psnr": 100.0}, r"stackgan: parity \(compact\): text_psnr is .*; no single node diverges"),
    ],
)
def test_text_is_held_to_its_limits(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, float], message: str
) -> None:
    monkeypatch.setitem(TOLERANCES, "compact", replace(TOLERANCES["compact"], **limits))
    with pytest.raises(ParityFailed, match=rf"{message}.* \(seed \d+\); no bundle was written$"):
        export_runs([tiny_run], tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_stored_names_are_held_to_their_limit(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = TextEncoder.encode
    monkeypatch.setattr(TextEncoder, "encode", lambda self, texts: -encode(self, texts))
    monkeypatch.setitem(TOLERANCES, "compact", replace(TOLERANCES["compact"], text_psnr=-1.0))
    with pytest.raises(
        ParityFailed, match=r"encoder: parity \(compact\): names_cosine is -.* is 0.995; at '\w+' \(seed"
    ):
        export_runs([tiny_run], tmp_path / "b")


def test_figure_without_limit_is_reported_and_not_enforced() -> None:
    trial = replace(PICTURES, cases={"random": PICTURES.cases["random"]})
    latent = trial.cases["random"]["latent"]

    def one_pixel(feeds: Feeds) -> list[Array]:
        pixels = same(feeds)[0].copy()
        pixels[feeds["latent"][:, 0] == latent[0, 0], 0, 0, 3] ^= 64
        return [pixels]

    with pytest.raises(ParityFailed, match="worst is 64 where the limit is 24"):
        check(trial, one_pixel, "fp16")
    assert check(trial, one_pixel, "bf16")["figures"]["worst"] == {"measured": 64, "limit": None}
