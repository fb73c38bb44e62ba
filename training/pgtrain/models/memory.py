"""The way from a text to the codes of a picture: attention over a memory of the training pictures.

Every training picture has two codes, a spatial SHAPE code and a COLOR code. A text reads both by attention: one head
asks which pictures have the wanted shape, another which have the wanted colors. The latent chooses among the pictures
that match, so that two seeds give two pictures, and joins the shapes of two of them by a smooth mask over the cells of
the code. So a sentence that was never trained on still gives codes that the decoder was trained on.

Codes that are learned beside a decoder follow GLO (Bojanowski et al., 2018, arXiv:1707.05776); a spatial structure code
beside a global texture code follows the Swapping Autoencoder (Park et al., 2020, arXiv:2007.00653).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgtrain.models.layers import Whitening

SIDE = 4
"""Cells a side of a shape code."""

CHOICE_DIM = 64
"""Numbers of the latent that make one choice among the pictures."""

NEAR, TAIL, TAIL_SLOPE = 0.55, 3.2, 2.5
"""Slope of a score within TAIL (natural logarithm) of the best match, and below: matches are alike, the rest is far."""

TEMPERATURE = 0.06
"""Of the softmax over scores: nearly all weight lies on one picture."""

LIKENESS = 40.0
"""How much the second picture of a mix must be like the first one in silhouette: score lost at a cosine of 0."""

REPEATED_SHAPE, REPEATED_COLOR = 5.0, 3.0
"""Scores that a picture which was chosen for the shape loses for the second shape and for the colors, times the share
of the text's attention that is not on its Pokémon: so a sentence, which many pictures match, is drawn from several, and
a name from its own picture."""

WHOLE = 0.1
"""Share of latents that take the shape of one picture whole."""

SHAPE_NOISE, COLOR_NOISE = 0.075, 0.06
"""Deviations of the noise that a latent adds to the codes."""

HIDDEN, KEY_DIM = 384, 160
"""Width of a head's hidden layer, and numbers of a key."""


@dataclass(frozen=True)
class CodeSize:
    """Sizes of the codes: `shape` channels at SIDE x SIDE cells, and a palette of `slots` x `slot_dim` numbers."""

    shape: int = 64
    slots: int = 4
    slot_dim: int = 24

    @property
    def color(self) -> int:
        """Numbers of a color code."""
        return self.slots * self.slot_dim

    @property
    def latent_dim(self) -> int:
        """Numbers of a latent: three choices, the mask, and noise for both codes."""
        return 3 * CHOICE_DIM + MASK_DIM + self.shape + self.color


SHARES = SIDE * SIDE + 1
"""Numbers that say how much of a second picture's codes is mixed in: in each cell of the shape, and in the colors."""

MASK_DIM = 5
"""Numbers of the latent that make the mask: direction (2), offset, steepness, and whether there is one."""


class Choice(NamedTuple):
    """What a text and a latent read from the memory: float weights over the pictures, (N, M) each, sum 1.

    `mask` (N, 1, SIDE, SIDE) in 0..1 is the share of `first` in each cell of the shape code; the rest is of `second`.
    """

    first: Tensor
    second: Tensor
    color: Tensor
    mask: Tensor


class Codes(NamedTuple):
    """Codes of N pictures: `shape` (N, C, SIDE, SIDE), unit RMS in each cell; `color` (N, K), unit RMS in each slot."""

    shape: Tensor
    color: Tensor


def unit_rms(values: Tensor, dim: int = 1) -> Tensor:
    """Scale `values` to a root mean square of 1 along `dim`."""
    return values * torch.rsqrt(values.square().mean(dim, keepdim=True) + 1e-4)


def unit_cells(codes: Tensor) -> Tensor:
    """As :func:`unit_rms` over the channels of (N, C, H, W).

    By a convolution: ONNX Runtime sums over channels in an order that depends on the batch.
    """
    mean = F.conv2d(codes.square(), torch.full_like(codes[:1, :, :1, :1], 1 / codes.shape[1]))
    return codes * torch.rsqrt(mean + 1e-4)


class Head(nn.Module):
    """Scores every picture of the memory for a text: cosine of a query and one learned key a picture."""

    def __init__(self, text_dim: int, pictures: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(text_dim, HIDDEN)
        self.query = nn.Linear(HIDDEN, KEY_DIM)
        self.skip = nn.Linear(text_dim, KEY_DIM, bias=False)
        self.keys = nn.Parameter(torch.randn(pictures, KEY_DIM) * 0.1)
        self.bias = nn.Parameter(torch.zeros(pictures))
        self.scale = nn.Parameter(torch.tensor(12.0))
        self.frozen = False

    def forward(self, text: Tensor) -> Tensor:
        """Map whitened texts (N, K) to logits (N, M) over the pictures."""
        query = _unit(self.query(F.gelu(self.hidden(text))) + self.skip(text))
        return F.linear(query, self.keys if self.frozen else self.scale * _unit(self.keys), self.bias)

    @torch.no_grad()
    def freeze(self) -> None:
        """Store the keys as they are used, so that no graph scales them again."""
        if not self.frozen:
            self.keys.copy_(self.scale * _unit(self.keys))
            self.frozen = True

    @torch.no_grad()
    def thaw(self) -> None:
        """Undo :meth:`freeze`."""
        self.scale.copy_(self.keys.norm(dim=1).mean())
        self.frozen = False


def _unit(vectors: Tensor) -> Tensor:
    return vectors * torch.rsqrt(vectors.square().sum(1, keepdim=True) + 1e-6)


class CodeTable(nn.Module):
    """The codes of M pictures, as parameters."""

    def __init__(self, size: CodeSize, pictures: int) -> None:
        super().__init__()
        self.size = size
        self.shapes = nn.Parameter(torch.zeros(pictures, size.shape * SIDE * SIDE))
        self.colors = nn.Parameter(torch.zeros(pictures, size.color))
        self.frozen = False

    def forward(self, pictures: Tensor) -> Codes:
        """Look up the codes of `pictures`, int64 (N,)."""
        return self.scaled(self.shapes[pictures], self.colors[pictures])

    def blend(self, choice: Choice) -> Codes:
        """Blend the codes of chosen pictures."""
        shapes: Tensor = self.shapes
        colors: Tensor = self.colors
        if not self.frozen:
            codes = self.scaled(shapes, colors)
            shapes, colors = codes.shape.flatten(1), codes.color
        # One product of both: OpenVINO decompresses weights that two products share for one of them alone.
        both = torch.stack([choice.first, choice.second]) @ shapes
        first, second = (self._cells(each) for each in both.unbind())
        shape = unit_cells(first * choice.mask + second * (1 - choice.mask))
        return Codes(shape, self._slots(choice.color @ colors))

    def mixed(self, first: Codes, second: Codes, share: Tensor) -> Codes:
        """Interpolate codes, and scale them as every code is; `share` (N, SHARES) is of `second`."""
        codes = _between(first, second, share)
        return Codes(unit_cells(codes.shape), self._slots(codes.color))

    @torch.no_grad()
    def freeze(self) -> None:
        """Store the codes scaled, as they are used, so that no graph scales them again."""
        if not self.frozen:
            self.fill(self.scaled(self.shapes, self.colors))
            self.frozen = True

    def thaw(self) -> None:
        """Scale the codes in every pass again."""
        self.frozen = False

    @torch.no_grad()
    def fill(self, codes: Codes) -> None:
        """Take over the codes of all M pictures."""
        self.shapes.copy_(codes.shape.flatten(1))
        self.colors.copy_(codes.color)

    def scaled(self, shapes: Tensor, colors: Tensor) -> Codes:
        """Scale stored codes as every code is."""
        return Codes(self._cells(shapes), self._slots(colors))

    def _cells(self, shapes: Tensor) -> Tensor:
        return unit_cells(shapes.view(-1, self.size.shape, SIDE, SIDE))

    def _slots(self, colors: Tensor) -> Tensor:
        return unit_rms(colors.view(-1, self.size.slots, self.size.slot_dim), 2).flatten(1)


class Memory(nn.Module):
    """Codes of M training pictures, and the heads by which a text reads them.

    `silhouettes` (M, D), unit vectors, tell which pictures are alike in outline; `prior` (M,) is added to the scores
    of every text (below 0 for pictures that should not be mixed); `partner`, int64 (M,), is another picture of the same
    name, or the picture itself. All are fixed, as is `draws`, which turns a latent into a preference among pictures.
    """

    silhouettes: Tensor
    prior: Tensor
    partner: Tensor
    draws: Tensor
    places: Tensor

    def __init__(self, size: CodeSize, text_dim: int, whitened_dim: int, pictures: int, outline_dim: int) -> None:
        super().__init__()
        self.size = size
        self.whitening = Whitening(text_dim, whitened_dim)
        self.shape_head = Head(whitened_dim, pictures)
        self.color_head = Head(whitened_dim, pictures)
        self.table = CodeTable(size, pictures)
        seeded = torch.Generator().manual_seed(5)  # the same in every run
        self.register_buffer("draws", torch.randn(CHOICE_DIM, pictures, generator=seeded) / CHOICE_DIM**0.5)
        self.register_buffer("silhouettes", torch.zeros(pictures, outline_dim))
        self.register_buffer("prior", torch.zeros(pictures))
        self.register_buffer("partner", torch.arange(pictures))
        self.register_buffer("places", torch.linspace(-1, 1, SIDE), persistent=False)

    def forward(
        self,
        latent: Tensor,
        text: Tensor,
        color_text: Tensor | None = None,
        second_latent: Tensor | None = None,
        second_text: Tensor | None = None,
        second_color_text: Tensor | None = None,
        share: Tensor | None = None,
    ) -> Codes:
        """Read the codes for texts, and mix them with those for second ones.

        Args:
            latent: (N, ``size.latent_dim``).
            text: embeddings (N, D) that ask for shape and colors.
            color_text: embeddings (N, D) that ask for the colors; `text` does where a row is zeros, or None.
            second_latent: the latent of the second codes; given together with the arguments that follow.
            second_text: their text.
            second_color_text: their color text.
            share: of the second codes in the mix, 0 to 1, (N, SHARES): in each cell of the shape, row by row, and in
                the colors. Zeros leave the first codes as they are.
        """
        if share is None or second_latent is None or second_text is None:
            return self.noisy(self.table.blend(self.choose(latent, text, color_text)), latent)
        # Both in one pass: the exported graph has a fifth fewer nodes, and opens faster.
        count = text.shape[0]  # len() would be a constant of the exported graph
        latents, texts = torch.cat((latent, second_latent)), torch.cat((text, second_text))
        color_texts = torch.cat(
            [torch.zeros_like(text) if asked is None else asked for asked in (color_text, second_color_text)]
        )
        chosen = self.table.blend(self.choose(latents, texts, color_texts))
        codes = self.table.mixed(*_split(chosen, count), share)
        noise = _between(*_split(self._noise(latents), count), share)
        return Codes(codes.shape + noise.shape, codes.color + noise.color)

    def choose(self, latent: Tensor, text: Tensor, color_text: Tensor | None = None) -> Choice:
        """Choose pictures: two for the shape, whose outlines are alike, and one for the colors, as a rule a third.

        Arguments are those of :meth:`forward`.
        """
        whitened = self.whitening(text)
        colors = whitened
        if color_text is not None:
            colors = self.whitening(torch.where(color_text.abs().sum(1, keepdim=True) > 0, color_text, text))
        shape, color = self.shape_head(whitened), self.color_head(colors)
        scores, color_scores = relevance(shape) + self.prior, relevance(color) + self.prior
        first, second, third = torch.split(latent[:, : 3 * CHOICE_DIM], CHOICE_DIM, 1)
        one = self._pick(scores, first)
        alike = (one @ self.silhouettes) @ self.silhouettes.T
        repeated = REPEATED_SHAPE * one * self._others(shape, one)
        two = self._pick(scores + LIKENESS * (alike - 1) - repeated, second)
        repeated = REPEATED_COLOR * one * self._others(color, one)
        return Choice(one, two, self._pick(color_scores - repeated, third), self._mask(latent[:, 3 * CHOICE_DIM :]))

    def _others(self, logits: Tensor, one: Tensor) -> Tensor:
        """Share of a text's attention, (N, 1), that is on other Pokémon than the one that is chosen."""
        attention = torch.softmax(logits, 1)
        apart = (self.partner != torch.arange(len(self.partner), device=logits.device)).to(logits.dtype)
        own = attention + attention[:, self.partner] * apart
        return 1 - (one * own).sum(1, keepdim=True)

    def _pick(self, scores: Tensor, latent: Tensor) -> Tensor:
        return torch.softmax((scores + latent @ self.draws) / TEMPERATURE, 1)

    def _mask(self, latent: Tensor) -> Tensor:
        """Draw smooth two-part masks (N, 1, SIDE, SIDE); most edges are closer to horizontal than to vertical."""
        across, down = 0.5 * latent[:, 0:1], latent[:, 1:2]
        length = torch.rsqrt(across.square() + down.square() + 1e-6)
        offset, steepness = 0.3 * latent[:, 2], 3.0 + 9.0 * torch.sigmoid(1.7 * latent[:, 3])
        plane = (across * length)[:, :, None] * self.places + (down * length)[:, :, None] * self.places[:, None]
        mask = torch.sigmoid(steepness[:, None, None] * (plane + offset[:, None, None]))
        # 1.7 makes a sigmoid of a normal number nearly uniform.
        whole = (torch.sigmoid(1.7 * latent[:, 4]) > 1 - WHOLE).to(mask.dtype)[:, None, None]
        return (mask * (1 - whole) + whole)[:, None]

    def noisy(self, codes: Codes, latent: Tensor) -> Codes:
        """Add the latent's own noise: per channel for the shape, per number for the colors."""
        noise = self._noise(latent)
        return Codes(codes.shape + noise.shape, codes.color + noise.color)

    def _noise(self, latent: Tensor) -> Codes:
        noise = latent[:, 3 * CHOICE_DIM + MASK_DIM :]
        shape, color = noise[:, : self.size.shape], noise[:, self.size.shape : self.size.shape + self.size.color]
        return Codes(SHAPE_NOISE * shape[:, :, None, None], COLOR_NOISE * color)


def _between(first: Codes, second: Codes, share: Tensor) -> Codes:
    """Interpolate linearly; `share` (N, SHARES) is of `second`."""
    of_shape, of_color = share[:, :-1].reshape(-1, 1, SIDE, SIDE), share[:, -1:]
    return Codes(
        first.shape * (1 - of_shape) + second.shape * of_shape, first.color * (1 - of_color) + second.color * of_color
    )


def _split(codes: Codes, count: int) -> tuple[Codes, Codes]:
    """Split codes into those of the first `count` pictures and of the others."""
    return Codes(codes.shape[:count], codes.color[:count]), Codes(codes.shape[count:], codes.color[count:])


def relevance(logits: Tensor) -> Tensor:
    """Flatten logits (N, M) near the best of each row and push the others away: 0 for the best, negative else."""
    below = logits - logits.amax(1, keepdim=True)
    return NEAR * below.clamp(min=-TAIL) + TAIL_SLOPE * (below + TAIL).clamp(max=0)
