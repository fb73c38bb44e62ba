"""How far an exported model may differ from PyTorch in float32, by storage."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """Limits of one storage; None where a figure is reported and not enforced.

    `worst` and `most` bound the largest and the 99.9th percentile difference of a premultiplied channel (of 255) from
    above, `psnr` (dB) the picture from below; `extreme_most` and `extreme_psnr` do so for the farthest latents of
    :func:`pgexport.trial.latent_cases`, in which activations grow beyond those of any picture that is drawn. `worst` is
    enforced where arithmetic is float32 or fp16: in bf16 and int8 single pixels at outlines flip. `cosine` bounds the
    encoder, `text_psnr` encoder and generator in sequence. `rows` is the share of stats rows equal in all integers,
    `decided` the share that does not lie on an edge between two integers, without which `rows` would say little, and
    `settled` the share of pictures that do not lie on an edge between two choices; no others are compared.
    """

    worst: float | None
    most: float
    psnr: float
    extreme_most: float
    extreme_psnr: float
    cosine: float
    text_psnr: float
    rows: float = 1.0
    decided: float = 0.9
    settled: float = 0.5

    @property
    def names_cosine(self) -> float:
        """Bounds the stored embeddings of names as `cosine` does new ones: float16 costs less than any limit allows."""
        return self.cosine


FROM_ABOVE = {"worst", "most", "extreme_most"}
"""Figures that must not be larger than their limits; all others must not be smaller."""

TOLERANCES = {
    # float32: a value that lies on the edge between two levels may round either way.
    "float32": Tolerance(2, 1, 65, 1, 60, 0.99999, 60),
    # compact: int8 keeps 8 bits a channel, seen as single pixels at outlines. Whitening magnifies the encoder's loss,
    # which shows the more from text to picture the sharper a generator draws.
    "compact": Tolerance(96, 8, 45, 16, 42, 0.995, 22),
    # fp16: 11 bits at every operator.
    "fp16": Tolerance(24, 3, 58, 8, 50, 0.9999, 48),
    # bf16: 8 bits, as many as a pixel has; outlines move by parts of a pixel.
    "bf16": Tolerance(None, 28, 40, 64, 32, 0.999, 32),
    # int8: convolutions are quantized down to INT8_PSNR, see pgexport.precision.quantize; the encoder loses more.
    "int8": Tolerance(None, 32, 38, 80, 28, 0.97, 18),
}
"""By storage, in the order of Tolerance's fields; docs/export.md has the same table, and what real runs measured."""


def beyond(figure: str, value: float, limit: float) -> bool:
    """Check whether a figure is on the wrong side of a limit; NaN is beyond every limit."""
    return not (value <= limit if figure in FROM_ABOVE else value >= limit)
