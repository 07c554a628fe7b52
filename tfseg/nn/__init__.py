"""The shared mathematics of all systems: Keras only, the same on every Keras backend."""

from tfseg import backend

backend.check()  # before Keras is imported, whose own error is long
