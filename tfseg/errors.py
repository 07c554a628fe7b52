"""Every error that tfseg raises on purpose, so that callers can catch one family.

Messages follow one pattern: what was expected, what came, where, and the remedy.
"""

__all__ = [
    "TFSegError",
    "ConfigError",
    "DataError",
    "ExportError",
    "NotFittedError",
    "ServingError",
    "TrainingError",
    "WeightsError",
]


class TFSegError(Exception):
    """Base class of all errors that tfseg raises on purpose."""


class ConfigError(TFSegError, ValueError):
    """A setting is unknown, has the wrong type, or contradicts another one."""


class DataError(TFSegError, ValueError):
    """An image, an annotation or a dataset cannot be used; the message names it."""


class WeightsError(TFSegError, ValueError):
    """A weight file does not fit the network; the message says which layers differ."""


class ExportError(TFSegError, RuntimeError):
    """A model cannot be exported in the requested form."""


class TrainingError(TFSegError, RuntimeError):
    """Training had to stop, for instance at a loss that is not finite."""


class ServingError(TFSegError, RuntimeError):
    """A model server cannot be reached, refuses a request, or answers something else."""


class NotFittedError(TFSegError, RuntimeError):
    """A verb needs weights, and none were trained or loaded yet."""
