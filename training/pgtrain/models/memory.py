"""From a text to the codes of a picture: attention over a memory of the training pictures.

Every training picture has two codes, a spatial shape code and a color code. A text reads both by attention: one head
scores how well each picture matches the text in shape, another how well in color. The latent chooses among the pictures
that match, so that two seeds give two pictures, and joins the shapes of two of them by a smooth mask over the cells of
the code. So a sentence that was never trained on still gives codes that the decoder was trained on.

Codes that are learned beside a decoder follow GLO (Bojanowski et al., 2018, arXiv:1707.05776); a spatial structure code
beside a global texture code follows the Swapping Autoencoder (Park et al., 2020, arXiv:2007.00653).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgtrain.models.layers import Whitening

SHAPE_DIM, SIDE = 64, 4
"""Channels of a shape code, and its cells a side."""

SLOTS, SLOT_DIM = 4, 24
"""Slots of a color code, which is a palette, and numbers of a slot."""

COLOR_DIM = SLOTS * SLOT_DIM
"""Numbers of a color code."""

CHOICE_DIM = 64
"""Numbers of the latent that choose one picture."""

MASK_DIM = 5
"""Numbers of the latent that make the mask: direction (2), offset, steepness, and whether there is one."""

LATENT_DIM = 3 * CHOICE_DIM + MASK_DIM + SHAPE_DIM + COLOR_DIM
"""Numbers of a latent: three choices, the mask, and noise for both codes."""

SHARES = SIDE * SIDE + 1
"""Numbers that say how much of a second picture's codes is mixed in: in each cell of the shape, and in the colors."""

OUTLINE_DIM = 24
"""Numbers that describe a silhouette."""

NEAR, TAIL, TAIL_SLOPE = 0.55, 3.2, 2.5
"""Slope of a score within TAIL (natural logarithm) of the best match, and below: matches are alike, the rest is far."""

TEMPERATURE = 0.06
"""Of the softmax over scores: nearly all weight lies on one picture."""

LIKENESS = 40.0
"""Score that a second picture loses whose silhouette has a cosine of 0 with the first one's."""

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


class Choice(NamedTuple):
    """What a text and a latent read from the memory: float weights over the pictures, (N, M) each, sum 1.

    `mask` (N, 1, SIDE, SIDE) in 0..1 is the share of `first` in each cell of the shape code; the rest is of `second`.
    """

    first: Tensor
    second: Tensor
    color: Tensor
    mask: Tensor


class Codes(NamedTuple):
    """Codes of N pictures: `shape` (N, SHAPE_DIM, SIDE, SIDE), `color` (N, COLOR_DIM); unit RMS a cell or slot."""

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
        """Map whitened texts (N, K) to logits (N, M)."""
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
    """The codes of M pictures as parameters, which are scaled to unit RMS wherever they are used."""

    def __init__(self, pictures: int) -> None:
        super().__init__()
        self.shapes = nn.Parameter(torch.zeros(pictures, SHAPE_DIM * SIDE * SIDE))
        self.colors = nn.Parameter(torch.zeros(pictures, COLOR_DIM))
        self.frozen = False

    def forward(self, pictures: Tensor) -> Codes:
        """Look up the codes of `pictures`, int64 (N,)."""
        return Codes(_cells(self.shapes[pictures]), _slots(self.colors[pictures]))

    def blend(self, choice: Choice) -> Codes:
        """Blend the codes of chosen pictures."""
        shapes: Tensor = self.shapes
        colors: Tensor = self.colors
        if not self.frozen:
            shapes, colors = _cells(shapes).flatten(1), _slots(colors)
        # One product of both: OpenVINO decompresses weights that two products share for one of them alone.
        both = torch.stack([choice.first, choice.second]) @ shapes
        first, second = (_cells(blended) for blended in both.unbind())
        shape = unit_cells(first * choice.mask + second * (1 - choice.mask))
        return Codes(shape, _slots(choice.color @ colors))

    @torch.no_grad()
    def freeze(self) -> None:
        """Store the codes scaled, as they are used, so that no graph scales them again."""
        if not self.frozen:
            self.fill(Codes(_cells(self.shapes), _slots(self.colors)))
            self.frozen = True

    def thaw(self) -> None:
        """Scale the codes in every pass again."""
        self.frozen = False

    @torch.no_grad()
    def fill(self, codes: Codes) -> None:
        """Take over the codes of all M pictures."""
        self.shapes.copy_(codes.shape.flatten(1))
        self.colors.copy_(codes.color)


def _cells(shapes: Tensor) -> Tensor:
    """Scale stored or blended shape codes (N, SHAPE_DIM * SIDE * SIDE) to (N, SHAPE_DIM, SIDE, SIDE)."""
    return unit_cells(shapes.view(-1, SHAPE_DIM, SIDE, SIDE))


def _slots(colors: Tensor) -> Tensor:
    """Scale color codes (N, COLOR_DIM)."""
    return unit_rms(colors.view(-1, SLOTS, SLOT_DIM), 2).flatten(1)


class Memory(nn.Module):
    """Codes of M training pictures, and the heads that score them for a text.

    `silhouettes` (M, D), unit vectors, tell which pictures are alike in outline; `prior` (M,) is added to the scores
    of every text (below 0 for pictures that should not be mixed); `partner`, int64 (M,), is another picture of the same
    name, or the picture itself. All are fixed, as is `draws`, which turns a latent into a preference among pictures.
    """

    silhouettes: Tensor
    prior: Tensor
    partner: Tensor
    draws: Tensor
    places: Tensor

    def __init__(self, text_dim: int, whitened_dim: int, pictures: int) -> None:
        super().__init__()
        self.whitening = Whitening(text_dim, whitened_dim)
        self.shape_head = Head(whitened_dim, pictures)
        self.color_head = Head(whitened_dim, pictures)
        self.table = CodeTable(pictures)
        seeded = torch.Generator().manual_seed(5)  # the same in every run
        self.register_buffer("draws", torch.randn(CHOICE_DIM, pictures, generator=seeded) / CHOICE_DIM**0.5)
        self.register_buffer("silhouettes", torch.zeros(pictures, OUTLINE_DIM))
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
            latent: (N, LATENT_DIM).
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
        latents, texts = torch.cat((latent, second_latent)), torch.cat((text, second_text))
        none = torch.zeros_like(text)
        color_texts = torch.cat(
            (none if color_text is None else color_text, none if second_color_text is None else second_color_text)
        )
        codes = _mixed(self.table.blend(self.choose(latents, texts, color_texts)), share)
        noise = _mixed(_noise(latents), share)
        return Codes(unit_cells(codes.shape) + noise.shape, _slots(codes.color) + noise.color)

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
        latents = torch.split(latent[:, : 3 * CHOICE_DIM], CHOICE_DIM, 1)
        first = self._pick(scores, latents[0])
        alike = (first @ self.silhouettes) @ self.silhouettes.T
        repeated = REPEATED_SHAPE * first * self._others(shape, first)
        second = self._pick(scores + LIKENESS * (alike - 1) - repeated, latents[1])
        repeated = REPEATED_COLOR * first * self._others(color, first)
        color_weights = self._pick(color_scores - repeated, latents[2])
        return Choice(first, second, color_weights, self._mask(latent[:, 3 * CHOICE_DIM :]))

    def _others(self, logits: Tensor, chosen: Tensor) -> Tensor:
        """Share of a text's attention, (N, 1), that is on other Pokémon than that of the `chosen` picture."""
        attention = torch.softmax(logits, 1)
        apart = (self.partner != torch.arange(len(self.partner), device=logits.device)).to(logits.dtype)
        own = attention + attention[:, self.partner] * apart
        return 1 - (chosen * own).sum(1, keepdim=True)

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
        noise = _noise(latent)
        return Codes(codes.shape + noise.shape, codes.color + noise.color)


def _noise(latent: Tensor) -> Codes:
    noise = latent[:, 3 * CHOICE_DIM + MASK_DIM :]
    return Codes(SHAPE_NOISE * noise[:, :SHAPE_DIM, None, None], COLOR_NOISE * noise[:, SHAPE_DIM:])


def _mixed(codes: Codes, share: Tensor) -> Codes:
    """Interpolate between the first N of 2 N codes and the last N, of which `share` (N, SHARES) is taken."""
    count = share.shape[0]  # len() would be a constant of the exported graph
    of_shape, of_color = share[:, :-1].reshape(-1, 1, SIDE, SIDE), share[:, -1:]
    return Codes(
        codes.shape[:count] * (1 - of_shape) + codes.shape[count:] * of_shape,
        codes.color[:count] * (1 - of_color) + codes.color[count:] * of_color,
    )


def relevance(logits: Tensor) -> Tensor:
    """Flatten logits (N, M) near the best of each row and push the others away: 0 for the best, negative else."""
    below = logits - logits.amax(1, keepdim=True)
    return NEAR * below.clamp(min=-TAIL) + TAIL_SLOPE * (below + TAIL).clamp(max=0)
