"""Data sets: sources, records, images and captions."""
