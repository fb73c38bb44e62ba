"""Feature networks that judge pictures."""
