"""Animations from one picture to another."""
