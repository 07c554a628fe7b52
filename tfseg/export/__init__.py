"""Models in forms that run without tfseg."""

from tfseg import backend

backend.check()  # before Keras is imported, whose own error is long
