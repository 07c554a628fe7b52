"""From a photograph on disk to its mask, whole paths; the command is `benchmarks/portrait.py`."""
