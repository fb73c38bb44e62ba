"""Animations that morph one picture into another."""
