import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pgtrain.models.memory import (
    CHOICE_DIM,
    COLOR_DIM,
    LATENT_DIM,
    SHAPE_DIM,
    SHARES,
    SIDE,
    SLOT_DIM,
    SLOTS,
    Codes,
    Memory,
    relevance,
    unit_rms,
)

PICTURES = 12


@pytest.fixture
def memory() -> Memory:
    torch.manual_seed(0)
    memory = Memory(16, 10, PICTURES)
    memory.table.fill(Codes(torch.randn(PICTURES, SHAPE_DIM, SIDE, SIDE), torch.randn(PICTURES, COLOR_DIM)))
    torch.nn.init.orthogonal_(memory.silhouettes)
    torch.nn.init.normal_(memory.whitening.linear.weight)
    return memory.eval()


def test_codes_have_unit_rms_in_each_cell_and_slot(memory: Memory) -> None:
    with torch.no_grad():
        codes = memory.table(torch.arange(PICTURES))
    assert (codes.shape.square().mean(1) - 1).abs().max() < 0.01
    assert (codes.color.view(PICTURES, SLOTS, SLOT_DIM).square().mean(2) - 1).abs().max() < 0.01


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.floats(0, 3))
def test_choices_are_distributions_and_masks_are_shares(seed: int, scale: float) -> None:
    torch.manual_seed(seed)
    memory = Memory(16, 10, PICTURES)
    choice = memory.choose(scale * torch.randn(5, LATENT_DIM), torch.randn(5, 16))
    for weights in (choice.first, choice.second, choice.color):
        assert torch.allclose(weights.sum(1), torch.ones(5), atol=1e-5)
    assert choice.mask.shape == (5, 1, SIDE, SIDE)
    assert ((choice.mask >= 0) & (choice.mask <= 1)).all()


def test_equal_latents_and_texts_read_equal_codes_in_any_batch(memory: Memory) -> None:
    latent, text = torch.randn(6, LATENT_DIM), torch.randn(6, 16)
    together, alone = memory(latent, text), memory(latent[2:3], text[2:3])
    assert torch.allclose(together.shape[2:3], alone.shape, atol=1e-4)
    assert torch.allclose(together.color[2:3], alone.color, atol=1e-4)


def test_a_picture_with_a_low_prior_is_not_chosen_among_equals(memory: Memory) -> None:
    for head in (memory.shape_head, memory.color_head):
        torch.nn.init.zeros_(head.keys)
    memory.prior[:6] = -8
    choice = memory.choose(torch.randn(64, LATENT_DIM), torch.randn(64, 16))
    assert choice.first[:, :6].sum(1).max() < 0.01
    assert choice.color[:, :6].sum(1).max() < 0.01


def test_latents_choose_among_pictures_that_match_alike(memory: Memory) -> None:
    for head in (memory.shape_head, memory.color_head):
        torch.nn.init.zeros_(head.keys)
    choice = memory.choose(torch.randn(64, LATENT_DIM), torch.randn(1, 16).expand(64, -1))
    assert len(choice.first.argmax(1).unique()) > PICTURES // 2


def test_a_picture_far_from_the_best_match_is_never_chosen() -> None:
    logits = torch.tensor([[0.0, -1.0, -12.0]])
    scores = relevance(logits)
    assert scores[0, 0] == 0
    assert scores[0, 1] == pytest.approx(-0.55)
    assert scores[0, 2] < -20


def test_colors_and_shapes_are_chosen_by_separate_parts_of_the_latent(memory: Memory) -> None:
    latent, text = torch.randn(8, LATENT_DIM), torch.randn(8, 16)
    changed = latent.clone()
    changed[:, 2 * CHOICE_DIM : 3 * CHOICE_DIM] = torch.randn(8, CHOICE_DIM)
    before, after = memory.choose(latent, text), memory.choose(changed, text)
    assert torch.equal(before.first, after.first)
    assert torch.equal(before.second, after.second)
    assert not torch.equal(before.color, after.color)


def attend(memory: Memory, *pictures: int) -> None:
    """Make both heads of `memory` give their whole attention to `pictures`, whatever the text."""
    for head in (memory.shape_head, memory.color_head):
        torch.nn.init.zeros_(head.keys)
        head.bias.data[:] = -20
        head.bias.data[list(pictures)] = 0


@pytest.mark.parametrize("partner", [3, 4])
def test_a_text_that_asks_for_one_name_is_drawn_from_its_pictures_alone(memory: Memory, partner: int) -> None:
    """The second picture of the same name is as good a match, and not joined to the first one."""
    attend(memory, 3, partner)
    memory.partner[[3, partner]] = torch.tensor([partner, 3])
    choice = memory.choose(torch.randn(64, LATENT_DIM), torch.randn(64, 16))
    first, second, color = (weights.argmax(1) for weights in (choice.first, choice.second, choice.color))
    assert set(first.tolist()) == {3, partner}
    assert (first == second).float().mean() > 0.9
    assert set(color.tolist()) <= {3, partner}


def test_a_text_that_asks_for_two_names_is_mostly_drawn_from_both(memory: Memory) -> None:
    attend(memory, 3, 4)
    memory.silhouettes[4] = memory.silhouettes[3]
    choice = memory.choose(torch.randn(64, LATENT_DIM), torch.randn(64, 16))
    assert (choice.first.argmax(1) != choice.second.argmax(1)).float().mean() > 0.8


def test_color_text_changes_color_codes_alone(memory: Memory) -> None:
    latent, text, other = torch.randn(8, LATENT_DIM), torch.randn(8, 16), torch.randn(8, 16)
    plain, same, apart = memory(latent, text), memory(latent, text, text), memory(latent, text, other)
    assert torch.equal(plain.color, same.color)
    assert torch.equal(plain.shape, apart.shape)
    assert not torch.equal(plain.color, apart.color)


def test_freezing_changes_no_code(memory: Memory) -> None:
    latent, text = torch.randn(4, LATENT_DIM), torch.randn(4, 16)
    before = memory(latent, text)
    for part in (memory.table, memory.shape_head, memory.color_head, memory.table):
        part.freeze()
    after = memory(latent, text)
    assert torch.allclose(before.shape, after.shape, atol=1e-3)
    assert torch.allclose(before.color, after.color, atol=1e-3)


def test_unit_rms_of_zeros_is_finite() -> None:
    assert torch.isfinite(unit_rms(torch.zeros(2, 3))).all()


def asked(memory: Memory, rows: int, share: float) -> list[torch.Tensor]:
    """Inputs of a mix of two different requests: latents, texts, no color texts, and `share` everywhere."""
    latents, texts, nothing = torch.randn(2, rows, LATENT_DIM), torch.randn(2, rows, 16), torch.zeros(rows, 16)
    return [latents[0], texts[0], nothing, latents[1], texts[1], nothing, torch.full((rows, SHARES), share)]


@pytest.mark.parametrize(("share", "first"), [(0.0, 0), (1.0, 3)])
def test_share_of_zero_or_one_reads_one_request_alone(memory: Memory, share: float, first: int) -> None:
    inputs = asked(memory, 5, share)
    mixed, alone = memory(*inputs), memory(*inputs[first : first + 2])
    assert torch.allclose(mixed.shape, alone.shape, atol=1e-3)
    assert torch.allclose(mixed.color, alone.color, atol=1e-3)


def test_codes_of_a_mix_change_gradually_with_its_share(memory: Memory) -> None:
    inputs = asked(memory, 1, 0.0)
    steps = torch.linspace(0, 1, 21)[:, None].expand(-1, SHARES)
    codes = memory(*(value.expand(21, -1) for value in inputs[:-1]), steps)
    for values in codes:
        moves = (values[1:] - values[:-1]).flatten(1).norm(dim=1)
        assert moves.max() < 4 * moves.mean(), "no frame of an animation jumps"


def test_color_text_changes_colors_alone_and_zeros_change_nothing(memory: Memory) -> None:
    latent, text, other = torch.randn(6, LATENT_DIM), torch.randn(6, 16), torch.randn(6, 16)
    other[:3] = 0
    plain, colored = memory(latent, text), memory(latent, text, other)
    assert torch.equal(plain.shape, colored.shape)
    same = (plain.color == colored.color).all(1)
    assert same[:3].all()
    assert not same[3:].any()
