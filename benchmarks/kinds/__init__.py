"""Portrait models by kinds of photograph; the command is `benchmarks/portrait_kinds.py`."""
