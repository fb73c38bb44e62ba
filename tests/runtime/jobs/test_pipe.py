import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgen.jobs.pipeline import Pipe


@settings(max_examples=25, deadline=None)
@given(items=st.lists(st.integers()), depth=st.integers(1, 4), workers=st.integers(1, 4))
def test_stages_keep_the_order_of_items(items: list[int], depth: int, workers: int) -> None:
    with Pipe() as pipe:
        doubled = pipe.ahead((2 * item for item in items), depth)
        assert list(pipe.spread(str, doubled, workers, depth)) == [str(2 * item) for item in items]


@given(count=st.integers(0, 40), size=st.integers(1, 9))
def test_gather_yields_full_lists(count: int, size: int) -> None:
    with Pipe() as pipe:
        lists = list(pipe.gather(range(count), size))
    assert [item for gathered in lists for item in gathered] == list(range(count))
    assert all(len(gathered) == size for gathered in lists[:-1])
    assert all(lists)


def test_gather_yields_items_before_an_error() -> None:
    def failing() -> Iterator[int]:
        yield from range(3)
        raise OSError("no more")

    with Pipe() as pipe:
        lists = pipe.gather(failing(), 2)
        assert [next(lists), next(lists)] == [[0, 1], [2]]
        with pytest.raises(OSError, match="no more"):
            next(lists)


def test_stage_runs_ahead_by_its_depth() -> None:
    made: list[int] = []
    with Pipe() as pipe:
        items = pipe.ahead((made.append(number) or number for number in range(100)), 3)
        assert next(items) == 0
        time.sleep(0.3)
        assert len(made) <= 5  # the one that was taken, three that wait, one that is in hand
        assert len(made) >= 4


def test_error_is_raised_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("no more")

    seen: list[int] = []
    with Pipe() as pipe, pytest.raises(OSError, match="no more"):
        seen.extend(pipe.spread(abs, pipe.ahead(failing(), 1), 2, 4))
    with Pipe() as pipe:
        results = pipe.spread(abs, pipe.ahead(failing(), 1), 2, 4)
        assert [next(results), next(results)] == [1, 2]


def test_exit_ends_every_stage() -> None:
    before = threading.active_count()
    with Pipe() as pipe:
        endless = pipe.spread(abs, pipe.ahead(iter(int, 1), 2), 2, 2)
        next(endless)
    assert threading.active_count() == before


def test_blocked_source_does_not_delay_the_exit() -> None:
    never = threading.Event()

    def waiting() -> Iterator[int]:
        yield 1
        never.wait()

    with Pipe() as pipe:
        assert next(pipe.ahead(pipe.gather(waiting(), 1), 1)) == [1]
    never.set()
