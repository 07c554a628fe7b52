"""Fit, predict, evaluate, save, load, resume: the same for every system."""

from tfseg import backend

backend.check()  # before Keras is imported, whose own error is long
