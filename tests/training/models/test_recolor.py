import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pgtrain.models.recolor import recolor


def pictures(seed: int, count: int = 4, side: int = 8) -> torch.Tensor:
    torch.manual_seed(seed)
    alpha = torch.rand(count, 1, side, side).round() * torch.rand(count, 1, side, side)
    return torch.cat([torch.rand(count, 3, side, side) * alpha, alpha], 1)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_color_never_exceeds_alpha_and_alpha_stays(seed: int) -> None:
    before = pictures(seed)
    after = recolor(before, 0.0)
    assert torch.equal(after[:, 3], before[:, 3])
    assert (after[:, :3] >= 0).all()
    assert (after[:, :3] <= after[:, 3:] + 1e-6).all()


def test_recolor_keeps_all_pictures_where_the_kept_share_is_one() -> None:
    before = pictures(1)
    assert torch.equal(recolor(before, 1.0), before)


def test_recolor_changes_pictures() -> None:
    before = pictures(2)
    assert (recolor(before, 0.0) - before).abs().mean() > 0.02
