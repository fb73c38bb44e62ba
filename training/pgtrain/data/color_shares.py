"""The colors that a picture shows, by the color names of the records, and orange."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

COLORS = ("black", "blue", "brown", "gray", "green", "orange", "pink", "purple", "red", "white", "yellow")


def color_shares(pictures: Tensor) -> NDArray[np.float32]:
    """Measure the share of each of COLORS in each picture's body: float32 (M, 11), 0..1.5.

    Args:
        pictures: premultiplied RGBA, uint8 (M, 4, S, S).

    The share is doubled, so that half a body of a color counts in full; from that of black, the usual share of outlines
    and shadows is subtracted.
    """
    shares = np.concatenate([_shares(part) for part in torch.split(pictures, 128)])
    shares[:, COLORS.index("black")] -= 0.12
    return np.clip(2.0 * shares, 0, 1.5).astype(np.float32)


def _shares(pictures: Tensor) -> NDArray[np.float32]:
    values = pictures.float() / 255
    alpha = values[:, 3]
    rgb = values[:, :3] / alpha[:, None].clamp(min=1 / 255)
    high, low = rgb.amax(1), rgb.amin(1)
    saturation = (high - low) / high.clamp(min=1e-3)
    red, green, blue = rgb.unbind(1)
    spread = (high - low).clamp(min=1e-4)
    hue = torch.where(
        high == red,
        (green - blue) / spread % 6,
        torch.where(high == green, (blue - red) / spread + 2, (red - green) / spread + 4),
    )
    hue = hue * 60
    visible = alpha > 0.5
    plain = saturation < 0.16
    dark = high < 0.28
    colored = visible & ~plain & ~dark
    pale = colored & (saturation < 0.5) & (high > 0.7)
    warm = (hue >= 14) & (hue < 42)
    red_hue = (hue < 14) | (hue >= 342)
    named = {
        "black": visible & dark,
        "white": visible & plain & ~dark & (high > 0.8),
        "gray": visible & plain & ~dark & (high <= 0.8),
        "pink": (pale & red_hue) | (colored & (hue >= 300) & (hue < 342)),
        "red": colored & ~pale & red_hue,
        "brown": colored & warm & ((high < 0.72) | (saturation < 0.5)),
        "orange": colored & warm & (high >= 0.72) & (saturation >= 0.5),
        "yellow": colored & (hue >= 42) & (hue < 70),
        "green": colored & (hue >= 70) & (hue < 168),
        "blue": colored & (hue >= 168) & (hue < 250),
        "purple": colored & (hue >= 250) & (hue < 300),
    }
    body = visible.sum((1, 2)).clamp(min=1)
    return torch.stack([named[color].sum((1, 2)) / body for color in COLORS], 1).numpy()
