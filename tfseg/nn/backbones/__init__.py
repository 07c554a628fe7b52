"""Feature extractors: an image in, stages C2 to C5 out."""
