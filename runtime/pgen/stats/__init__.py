"""Pokémon as numbers: rows of six stats, types and rarity from the stats GAN of a bundle."""
