import torch

from pgtrain.evaluation.figures import islands


def picture(*boxes: tuple[int, int, int, int]) -> torch.Tensor:
    pixels = torch.zeros(1, 4, 64, 64, dtype=torch.uint8)
    for top, left, height, width in boxes:
        pixels[:, :, top : top + height, left : left + width] = 255
    return pixels


BODY = (8, 8, 30, 30)


def test_a_whole_body_is_no_island() -> None:
    assert islands(picture(BODY)) == 0


def test_a_loose_piece_of_more_than_a_hundredth_counts() -> None:
    assert islands(torch.cat([picture(BODY), picture(BODY, (50, 50, 4, 4))])) == 0.5


def test_specks_and_pieces_that_touch_at_a_corner_do_not_count() -> None:
    assert islands(torch.cat([picture(BODY, (50, 50, 2, 2)), picture(BODY, (38, 38, 6, 6))])) == 0


def test_empty_pictures_have_no_islands() -> None:
    assert islands(picture()) == 0
