"""Asking a model that TensorFlow Serving runs: `Client`. Needs neither TensorFlow nor Keras."""

from tfseg.serving.client import Answer, Client

__all__ = ["Answer", "Client"]
