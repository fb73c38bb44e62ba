"""Networks of the stats GAN: plain operators, and random numbers only as inputs, so that they export to ONNX."""

from itertools import pairwise
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pgtrain.data.stats_rows import HIGHEST, LOWEST, PAIRS, RARITIES, STATS, TYPES
from pgtrain.engine.footprint import Call
from pgtrain.engine.rng import Dropout
from pgtrain.systems.stats.config import StatsConfig
from pgtrain.systems.stats.table import Table, cumulative, gaussian

KINDS, SECONDS, RARE = len(TYPES), len(TYPES) + 1, len(RARITIES)
BANDWIDTH = 15.0
"""Deviation, in points, of the Gaussian that weights training rows by how far their total is from the condition."""


class Conditions(NamedTuple):
    """Conditions of N rows; zeros are no condition.

    `types` float (N, 18), 1 at one or two types; `total` float (N,), 6..1530; `rarity` float (N, 4) one-hot.
    """

    types: Tensor
    total: Tensor
    rarity: Tensor


class Drawn(NamedTuple):
    """Generated rows.

    `stats` (N, 6), integers in 1..255; `total` (N,), their sum; `pair` (N, 324) and `rarity` (N, 4), one-hot.
    Floats with straight-through gradients. `raw` (N, 6) are the Gaussian numbers, `miss` (N,) is the distance in points
    of the stats' sum from the total, before they were changed to fit it.
    """

    stats: Tensor
    total: Tensor
    pair: Tensor
    rarity: Tensor
    raw: Tensor
    miss: Tensor


class Quantiles(nn.Module):
    """Maps Gaussian numbers to integers in 1..255 and back, for each stat by its own quantiles."""

    thresholds: Tensor
    middles: Tensor

    def __init__(self, stats: Tensor) -> None:
        super().__init__()
        edges = cumulative(stats)  # (6, 256)
        self.register_buffer("thresholds", gaussian(edges[:, LOWEST:HIGHEST]))
        self.register_buffer("middles", gaussian((edges[:, 1:] + edges[:, :-1]) / 2))

    def forward(self, raw: Tensor) -> Tensor:
        """Map Gaussian numbers (N, 6) to integers as floats (N, 6)."""
        return LOWEST + (raw[:, :, None] > self.thresholds).float().sum(2)

    def encode(self, stats: Tensor) -> Tensor:
        """Map integers (N, 6) to Gaussian numbers (N, 6), the middles of their intervals."""
        return self.middles.gather(1, stats.long().T - LOWEST).T

    def spread(self, stats: Tensor, share: Tensor) -> Tensor:
        """Map integers (N, 6) to Gaussian numbers, each at `share` (N, 6) in 0..1 of its interval's width."""
        ends = F.pad(self.thresholds, (1, 0), value=-4.0), F.pad(self.thresholds, (0, 1), value=4.0)
        low, high = (end.clamp(-4, 4).gather(1, stats.long().T - LOWEST).T for end in ends)
        return torch.lerp(low, high, share)


def fit_total(stats: Tensor, total: Tensor) -> Tensor:
    """Scale integers (N, 6) in 1..255, so that they sum to `total` (N,) in 6..1530.

    By largest remainders in steps of five, because three quarters of all stats are multiples of five. The rest of less
    than five goes to a stat that is not a multiple of five, and to others where that one is at 1 or 255.
    """
    change = (stats * (total / stats.sum(1))[:, None]).clamp(LOWEST, HIGHEST) - stats
    steps = torch.floor(change / 5)
    remainder = change / 5 - steps
    missing = torch.floor((total - (stats + 5 * steps).sum(1)) / 5)
    steps = steps + (_ahead(remainder).sum(2) < missing[:, None]).float()
    near = (stats + 5 * steps).clamp(LOWEST, HIGHEST)
    left = (total - near.sum(1))[:, None]
    room = torch.where(left > 0, HIGHEST - near, near - LOWEST)
    uneven = (near - 5 * torch.floor(near / 5) > 0).float()
    before = (_ahead(uneven * 2 + remainder) * room[:, None, :]).sum(2)
    return near + torch.sign(left) * torch.minimum(torch.relu(left.abs() - before), room)


def _ahead(keys: Tensor) -> Tensor:
    """Compare `keys` (N, 6): 1 at (N, i, j) where j comes before i in descending order, the first one of equal keys."""
    earlier = torch.ones(keys.shape[1], keys.shape[1], device=keys.device).tril(-1)
    mine, other = keys[:, :, None], keys[:, None, :]
    return (other > mine).float() + (other == mine).float() * earlier


class Generator(nn.Module):
    """Latents (N, L), standard normal, and conditions to valid rows.

    The first `noise_dim` latents feed the network, the next 324 choose the types, the last one chooses the
    training row whose rarity and total are used where there is no condition.
    """

    seen_types: Tensor
    seen_total: Tensor
    seen_rarity: Tensor
    first: Tensor
    second: Tensor
    scale: Tensor

    def __init__(self, config: StatsConfig, data: Table) -> None:
        super().__init__()
        self.config = config
        self.latent_dim = config.noise_dim + len(PAIRS) + 1
        self.quantiles = Quantiles(data.stats)
        first, second = (torch.tensor(column, device=data.pairs.device) for column in zip(*PAIRS, strict=True))
        self.register_buffer("first", F.one_hot(first, KINDS).float())
        self.register_buffer("second", F.one_hot(second, SECONDS).float())
        self.register_buffer("seen_types", self.has_type()[data.pairs])
        self.register_buffer("seen_total", data.totals.float())
        self.register_buffer("seen_rarity", F.one_hot(data.rarities, RARE).float())
        totals = data.totals.float()
        self.register_buffer("scale", torch.stack([totals.mean(), totals.std() + 1, data.stats.float().std() + 1]))
        self.body, wide = _body(config, config.noise_dim + KINDS + 1 + RARE)
        self.stats = nn.Linear(wide, len(STATS))
        self.pair = nn.Linear(wide, len(PAIRS))
        self._start_at_frequencies(data)
        if config.networks == "direct":
            self._start_spread()

    @torch.no_grad()
    def _start_at_frequencies(self, data: Table) -> None:
        """Begin with the pairs as often as they are, each pair seen a little more often than counted."""
        counts = torch.bincount(data.pairs.cpu(), minlength=len(PAIRS)).float()
        self.pair.bias.copy_((counts + 0.02).log())
        self.pair.weight.mul_(0.1)

    @torch.no_grad()
    def _start_spread(self) -> None:
        """Begin with stats that the noise spreads around the total's share of them, about as wide as real ones."""
        noise = slice(self.config.width, self.config.width + self.config.noise_dim)
        self.stats.weight[:, noise].normal_(0, 0.7 / self.config.noise_dim**0.5)

    def has_type(self) -> Tensor:
        """Types of each pair: float (324, 18), 0 or 1."""
        return self.first + self.second[:, :KINDS]

    def forward(self, latent: Tensor, types: Tensor, total: Tensor, rarity: Tensor) -> Drawn:
        """Draw rows; see :class:`Conditions` for the last three."""
        noise, gumbel, pick = torch.split(latent, [self.config.noise_dim, len(PAIRS), 1], 1)
        total, rarity = self._complete(pick, types, total, rarity)
        hidden = self.body(torch.cat([noise, types, self.standard(total), rarity], 1))
        raw = self.stats(hidden) + self.standard(total)
        pair = self._choose(self.pair(hidden), gumbel, types)
        rounded = self.quantiles(raw)
        sloped = self.scale[2] * (raw - raw.detach())
        miss = (rounded + sloped).sum(1) - total
        return Drawn(fit_total(rounded, total) + sloped, total, pair, rarity, raw, miss)

    def standard(self, total: Tensor) -> Tensor:
        """Standardize totals (N,) to (N, 1)."""
        return ((total - self.scale[0]) / self.scale[1])[:, None]

    def _choose(self, logits: Tensor, normal: Tensor, types: Tensor) -> Tensor:
        """Draw one pair a row among those that hold the types of the condition: one-hot (N, 324), straight-through."""
        fits = types.sum(1, keepdim=True) <= (self.has_type() @ types.T).T
        noisy = logits - torch.log(-torch.log(_share(normal, 1e-6))) - 1e4 * (1 - fits.float())
        soft = torch.softmax(noisy / self.config.temperature, 1)
        hard = F.one_hot(noisy.argmax(1), len(PAIRS)).float()
        return hard + soft - soft.detach() if self.training else hard

    def _complete(self, pick: Tensor, types: Tensor, total: Tensor, rarity: Tensor) -> tuple[Tensor, Tensor]:
        """Fill in a total and a rarity without a condition, from a training row that meets the other conditions."""
        has_rarity, has_total = rarity.sum(1, keepdim=True), (total[:, None] > 0).float()
        # Where no row meets all conditions, the closest is used: rarity matters most, then the total, then types.
        other_type = (types.sum(1, keepdim=True) - types @ self.seen_types.T).clamp(0, 1)
        other_rarity = has_rarity - rarity @ self.seen_rarity.T
        away = has_total * ((total[:, None] - self.seen_total) / BANDWIDTH) ** 2
        # Not a sum: the ONNX exporter's optimizer removes the addition of 1e-12, and distant totals would weigh 0.
        near = torch.exp(-0.5 * away).clamp(min=1e-12)
        weight = torch.exp(-18 * other_type - 36 * other_rarity) * near
        until = weight.cumsum(1)
        # 1e-4 from the ends, so that neither rows which do not fit nor the rounding of the sum decide.
        index = (until <= _share(pick, 1e-4) * until[:, -1:]).sum(1).clamp(max=len(self.seen_total) - 1)
        total = torch.where(total > 0, total, self.seen_total[index])
        return total, torch.where(has_rarity > 0, rarity, self.seen_rarity[index])


def _share(normal: Tensor, least: float) -> Tensor:
    """Map Gaussian numbers to probabilities in `least`..1 - `least`, because libraries round the tails differently."""
    return (0.5 + 0.5 * torch.erf(normal * 0.5**0.5)).clamp(least, 1 - least)


class Skip(nn.Module):
    """Dense layer with batch norm, and a linear path around it."""

    def __init__(self, wide_in: int, wide_out: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(wide_in, wide_out), nn.BatchNorm1d(wide_out), nn.LeakyReLU(0.2))
        self.around = nn.Linear(wide_in, wide_out, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (N, I) to (N, O)."""
        mapped: Tensor = self.layer(hidden) + self.around(hidden)
        return mapped


class Residual(nn.Module):
    """Adds two dense layers of normalized rows (N, W) to them."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(wide), nn.Linear(wide, wide), nn.SiLU(), nn.Linear(wide, wide))

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (N, W) to (N, W)."""
        return hidden + cast(Tensor, self.layers(hidden))


class ConcatInput(nn.Module):
    """A network whose inputs are concatenated to its outputs.

    Layer norm gives the outputs one length, of which an extreme total or a rarity leaves little to the noise: without
    the inputs the stats of legendary Pokémon vary too little.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (N, I) to (N, W + I)."""
        return torch.cat([cast(Tensor, self.body(inputs)), inputs], 1)


def _body(config: StatsConfig, inputs: int) -> tuple[nn.Module, int]:
    wide = config.width
    if config.networks == "skips":
        return nn.Sequential(Skip(inputs, wide), Skip(wide, 2 * wide), Skip(2 * wide, 4 * wide)), 4 * wide
    blocks = [Residual(wide) for _ in range(3)]
    body = nn.Sequential(nn.Linear(inputs, wide), *blocks, nn.LayerNorm(wide), nn.SiLU())
    return (ConcatInput(body), wide + inputs) if config.networks == "direct" else (body, wide)


class Critic(nn.Module):
    """Feature rows (N, F) to one score for each `pac` of them (N / pac,)."""

    def __init__(self, config: StatsConfig) -> None:
        super().__init__()
        self.pac, wide, features = config.pac, config.critic_width, features_of(config)
        original = config.networks == "skips"
        widths = [features * config.pac, *((4 * wide, 2 * wide, wide) if original else (wide,) * 3)]
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise(widths):
            linear = nn.Linear(width_in, width_out)
            layers.append(spectral_norm(linear) if original else linear)
            layers += [nn.LayerNorm(width_out)] if original else []
            layers += [nn.LeakyReLU(0.2), Dropout(config.dropout)]
        self.layers = nn.Sequential(*layers)
        self.score = nn.Linear(wide, 1)

    def forward(self, rows: Tensor) -> Tensor:
        """Score; higher is more real."""
        return cast(Tensor, self.score(self.features(rows))).squeeze(1)

    def features(self, rows: Tensor) -> Tensor:
        """Compute the last hidden layer, (N / pac, W)."""
        return cast(Tensor, self.layers(rows.reshape(len(rows) // self.pac, -1)))


def features_of(config: StatsConfig) -> int:
    """Count the features of a row that the critic reads."""
    spread = len(STATS) * RARE if config.networks == "direct" else 0
    return len(STATS) + 1 + KINDS + SECONDS + RARE + KINDS + spread


def footprint(config: StatsConfig, examples: int) -> list[Call]:
    """Make the body of the generator and the critic, and inputs for them."""
    inputs = config.noise_dim + KINDS + 1 + RARE
    packed = -(-examples // config.pac) * config.pac
    body = Call(_body(config, inputs)[0], (torch.empty(examples, inputs),))
    return [body, Call(Critic(config), (torch.empty(packed, features_of(config)),))]
