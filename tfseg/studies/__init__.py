"""Experiments run one after another, their table and curves."""
