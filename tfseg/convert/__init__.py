"""Weights of other programs into ours: one file a program, each with an explicit name map."""
