"""The portrait network: people cut out for phones, and one by one by the affinity step."""

from tfseg.models.portrait.config import PortraitConfig
from tfseg.models.portrait.estimator import PortraitSegmenter

__all__ = ["PortraitConfig", "PortraitSegmenter"]
