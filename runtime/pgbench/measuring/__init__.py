"""Timing, statistics, meters, and a description of the machine."""
