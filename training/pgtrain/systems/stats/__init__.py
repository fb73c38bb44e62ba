"""The stats GAN: valid Pokémon as numbers, conditional on type, total and rarity.

Six stats in 1..255 whose sum is the total, one or two types, a rarity. Stats are modeled rank-Gaussianized
(each stat's own quantile table leads back to integers), types by a straight-through Gumbel softmax over the
ordered pairs (Jang et al., 2017, arXiv:1611.01144), and a packed critic (Lin et al., 2018, arXiv:1712.04086)
judges whole rows. As in CTGAN (Xu et al., 2019, arXiv:1907.00503) conditions that are not given are drawn
from the training rows: here rarity and total.
"""
