"""The shared mathematics of all systems: Keras only, the same on every Keras backend."""
