from collections.abc import Sequence

import pytest
import torch

from pgtrain.data.color_shares import COLORS, color_shares
from pgtrain.data.matches import Matches, match
from pgtrain.data.records import Record


def embed(texts: Sequence[str]) -> torch.Tensor:
    """Count letters: texts that share words lie close to each other."""
    return torch.tensor(
        [[float(text.lower().count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
    )


def plain(color: tuple[int, int, int], count: int = 1) -> torch.Tensor:
    picture = torch.zeros(count, 4, 16, 16, dtype=torch.uint8)
    picture[:, :3, 2:14, 2:14] = torch.tensor(color, dtype=torch.uint8)[:, None, None]
    picture[:, 3, 2:14, 2:14] = 255
    return picture


RECORDS = [
    Record("Emberfox", types=("fire",), color="red", shape="quadruped", genus="Fox Pokémon", description="It runs."),
    Record("Emberfox", types=("fire",), color="red", shape="quadruped", genus="Fox Pokémon", description="It runs."),
    Record("Wavewhale", types=("water",), color="blue", shape="fish", genus="Whale Pokémon", description="It swims."),
]
PICTURES = torch.cat([plain((210, 30, 30), 2), plain((30, 60, 220))])


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return []


@pytest.fixture(scope="module")
def matches(texts: list[str]) -> Matches:
    def remembering(captions: Sequence[str]) -> torch.Tensor:
        texts[:] = captions  # the last call embeds the composed texts
        return embed(captions)

    return match(RECORDS, PICTURES, remembering)


@pytest.mark.parametrize(
    ("rgb", "color"),
    [
        ((220, 30, 30), "red"),
        ((30, 60, 220), "blue"),
        ((40, 170, 60), "green"),
        ((240, 210, 40), "yellow"),
        ((245, 140, 30), "orange"),
        ((130, 80, 40), "brown"),
        ((245, 150, 180), "pink"),
        ((130, 50, 190), "purple"),
        ((20, 20, 20), "black"),
        ((245, 245, 245), "white"),
        ((140, 140, 140), "gray"),
    ],
)
def test_a_picture_of_one_color_has_that_color(rgb: tuple[int, int, int], color: str) -> None:
    shares = color_shares(plain(rgb))[0]
    assert COLORS[shares.argmax()] == color
    assert shares.max() > 1


def test_weights_sum_to_one_and_ids_are_pictures(matches: Matches, texts: list[str]) -> None:
    assert len(matches) == len(texts) == len(set(zip(texts, range(len(texts)), strict=True)))
    for ids, weights in ((matches.shape_ids, matches.shape_weights), (matches.color_ids, matches.color_weights)):
        assert torch.allclose(weights.sum(1), torch.ones(len(matches)), atol=1e-5)
        assert ((ids >= 0) & (ids < len(RECORDS))).all()


def test_a_name_matches_all_of_its_pictures_alike(matches: Matches, texts: list[str]) -> None:
    row = texts.index("Emberfox")
    assert set(matches.shape_ids[row, :2].tolist()) == {0, 1}
    assert matches.shape_weights[row, :2].tolist() == pytest.approx([0.5, 0.5], abs=0.01)
    assert not matches.free[row]


def test_a_color_word_decides_colors_and_not_the_shape(matches: Matches, texts: list[str]) -> None:
    row = next(number for number, text in enumerate(texts) if text in ("blue Emberfox", "a blue Emberfox"))
    assert matches.shape_ids[row, 0] in (0, 1)
    assert matches.color_ids[row, 0] == 2
    assert matches.free[row]


def test_records_without_attributes_still_match_their_names() -> None:
    matches = match([Record("Ava"), Record("Bob")], PICTURES[1:], embed)
    assert matches.shape_ids[0, 0] == 0
    assert matches.shape_weights[0, 0] > 0.9
