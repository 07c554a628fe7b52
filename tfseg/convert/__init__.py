"""Weights of other programs into ours: one file a program, each with an explicit name map."""

from tfseg import backend

backend.check()  # before Keras is imported, whose own error is long
