"""Fit, predict, evaluate, save, load, resume: the same for every system."""
