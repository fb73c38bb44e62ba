"""Feature networks that pictures are compared in."""
