"""Generators on CPUs through OpenVINO."""
