"""Whole new Pokémon: numbers, a name, a text, a picture, and a card of it all."""
