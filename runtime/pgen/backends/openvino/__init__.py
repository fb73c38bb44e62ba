"""Pictures on CPUs through OpenVINO."""
