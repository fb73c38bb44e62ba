"""Whole new Pokémon: stats, name, description and picture, each shown on a card."""
