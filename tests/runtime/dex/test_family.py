"""Evolution lines."""

from itertools import pairwise

import numpy as np
import pytest

from pgen.api import Generator
from pgen.dex.card import SIZE, draw_card, draw_family
from pgen.dex.entry import STEM, EntryGenerator
from pgen.dex.family import SIZES, parent_lines, real_lines
from pgen.dex.templates import phrases
from pgen.errors import RequestInvalid
from pgen.lexicon import load_lexicon
from pgen.rng import Rng, Stream
from pgen.stats.rows import RowFilter
from pokegan.names import plain


@pytest.mark.parametrize("size", SIZES)
def test_real_lines_rise_and_keep_their_types(size: int) -> None:
    lines = real_lines(size)
    assert len(lines) > 90
    for line in lines:
        assert all(one.total < next.total and {*one.types} <= {*next.types} for one, next in pairwise(line))
        assert all(stage.shape in phrases()["shapes"] for stage in line)


def test_parents_share_a_type_and_differ() -> None:
    for seed in range(50):
        first, second = parent_lines(Rng(seed, Stream.FAMILY), 3, ("ice", "fire"))
        assert first != second
        assert "ice" in first[-1].types
        assert {"ice", "fire"} & {*second[-1].types}


def test_stages_belong_together(generator: Generator) -> None:
    entries = generator.dex(2, seed=7, family=3, type="ghost", total=520)
    known = {plain(name) for name in load_lexicon().known}
    for line in (entries[:3], entries[3:]):
        names = [entry.words.name for entry in line]
        assert all(entry.family == (*names,) for entry in line)
        assert len({name[:STEM] for name in names}) == 1
        assert len({*names}) == 3
        assert not known & {*map(plain, names)}
        totals, types = [entry.row.total for entry in line], [entry.row.types for entry in line]
        assert totals[0] < totals[1] < totals[2] == 520
        assert all(one == next[: len(one)] for one, next in pairwise(types))
        assert "ghost" in types[2]
        assert len({entry.request.colors for entry in line}) == 1
        assert names[1] in line[0].words.description
        assert names[1] in line[2].words.description
        for entry in line:
            assert entry.row.rarity == "ordinary"
            assert np.array_equal(entry.pixels, generator.draw_batch([entry.request])[0])
    alone = generator.dex(1, seed=8, family=3, type="ghost", total=520)
    assert [one.described() for one in alone] == [one.described() for one in entries[3:]], "a line depends on its seed"
    sheet = draw_family([draw_card(entry) for entry in entries[:3]])
    assert sheet.height == SIZE[1] // 2
    assert sheet.width > 3 * SIZE[0] // 2


def test_lines_take_no_name_of_others(generator: Generator) -> None:
    maker, conditions = EntryGenerator(generator), RowFilter(types=("ghost",))
    line = [entry.words.name for entry in maker.entries(1, 7, conditions, family=3)]
    names = [entry.words.name for entry in maker.entries(2, 7, conditions, family=3, taken=line[1:])]
    assert not {*line[1:]} & {*names}
    assert len({*names}) == 6


def test_invalid_families_are_rejected(generator: Generator) -> None:
    with pytest.raises(RequestInvalid, match="family 4"):
        generator.dex(family=4)
    with pytest.raises(RequestInvalid, match="60 or more"):
        generator.dex(family=2, total=30)
