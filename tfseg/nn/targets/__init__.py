"""Who learns what."""
