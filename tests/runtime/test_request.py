import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgen.errors import RequestInvalid
from pgen.latents import MAX_SEED
from pgen.request import MAX_SEEDS, Request, choose_seeds, parse_seeds, requests

RANGES = st.tuples(st.integers(0, MAX_SEED - 50), st.integers(0, 50))


@given(st.lists(RANGES, min_size=1, max_size=6))
def test_seeds_are_parsed_in_order(ranges: list[tuple[int, int]]) -> None:
    written = ", ".join(f"{first}-{first + more}" if more else str(first) for first, more in ranges)
    assert parse_seeds(written) == [seed for first, more in ranges for seed in range(first, first + more + 1)]


@given(st.text(alphabet="0123456789-, x\u0663", max_size=30))
def test_any_text_is_parsed_or_rejected(text: str) -> None:
    try:
        seeds = parse_seeds(text)
    except RequestInvalid:
        return
    assert seeds
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


@pytest.mark.parametrize("text", ["", "1,,2", "5-1", "-3", "1-", "one", "1.5", str(MAX_SEED + 1), f"0-{MAX_SEED}", "٣"])
def test_invalid_lists_are_rejected(text: str) -> None:
    with pytest.raises(RequestInvalid, match="seed"):
        parse_seeds(text)


def test_longest_list_is_parsed() -> None:
    assert len(parse_seeds(f"1-{MAX_SEEDS}")) == MAX_SEEDS
    with pytest.raises(RequestInvalid, match="split the job"):
        parse_seeds(f"1-{MAX_SEEDS},7")


def test_seeds_and_counts_exclude_each_other() -> None:
    assert list(choose_seeds()) == [0]
    assert list(choose_seeds(2, defaults=(8, 5))) == [5, 6]
    assert list(choose_seeds(defaults=(3, 5))) == [5, 6, 7]
    assert choose_seeds(seeds="3,1") == choose_seeds(seeds=(3, 1)) == [3, 1]
    for both in ({"n": 1}, {"seed": 0}):
        with pytest.raises(RequestInvalid, match="cannot be combined"):
            choose_seeds(seeds="1", **both)


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"seed": 2**64}, {"truncation": 2.1}, {"truncation": float("nan")}, {"stage": 0}, {"stage": 3}],
)
def test_invalid_requests_are_rejected(wrong: dict[str, float]) -> None:
    with pytest.raises(RequestInvalid, match=next(iter(wrong))):
        Request(**{"prompt": "a", "seed": 0} | wrong)  # type: ignore[arg-type]


def test_every_prompt_gets_every_seed() -> None:
    made = requests(iter(["a", "b"]), [5, 7], Request("", 0, "mine", 0.5, 1))
    assert [(request.prompt, request.seed) for request in made] == [("a", 5), ("a", 7), ("b", 5), ("b", 7)]
