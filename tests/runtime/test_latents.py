import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pgen.latents import MAX_SEED, latents

SEEDS = st.integers(0, MAX_SEED)


@given(SEEDS, SEEDS)
def test_different_seeds_differ(first: int, second: int) -> None:
    if first != second:
        assert not np.array_equal(*latents([first, second], 8))


def test_latents_equal_their_reference() -> None:
    expected = [[2.2844415, -1.5494508, 1.9245853, -0.66375184], [-0.4586592, -1.2938583, 0.25178358, 0.87465137]]
    np.testing.assert_allclose(latents([0, 7], 4), expected, rtol=1e-6)


def test_latents_are_standard_normal() -> None:
    drawn = latents(range(2000), 64)
    assert abs(drawn.mean()) < 0.01
    assert abs(drawn.std() - 1) < 0.01
    assert abs((np.abs(drawn) > 1.96).mean() - 0.05) < 0.005


def one_by_one(seed: int, dimensions: int) -> np.ndarray:
    """The transform as it is written in the books, one seed at a time, with a generator of its own."""
    pairs = (dimensions + 1) // 2
    raw = np.random.Philox(key=seed).random_raw(2 * pairs)
    uniform = ((raw >> np.uint64(11)) + 0.5) / 2.0**53
    radius, angle = np.sqrt(-2 * np.log(uniform[:pairs])), 2 * np.pi * uniform[pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:dimensions].astype(np.float32)


@given(st.lists(SEEDS, min_size=1, max_size=8), st.sampled_from([1, 2, 33, 357, 384]))
def test_batch_has_the_bits_of_single_rows(seeds: list[int], dimensions: int) -> None:
    expected = np.stack([one_by_one(seed, dimensions) for seed in seeds])
    assert latents(seeds, dimensions).tobytes() == expected.tobytes()


def test_chunks_do_not_change_latents() -> None:
    seeds = range(2**64 - 700, 2**64)
    expected = np.stack([one_by_one(seed, 5) for seed in seeds])
    assert np.array_equal(latents(seeds, 5), expected)
