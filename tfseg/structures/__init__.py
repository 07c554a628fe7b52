"""What crosses borders between rooms: samples, predictions, reports, label names, run lengths."""

from tfseg.structures.attributes import Attribute, Trait
from tfseg.structures.label_maps import LabelMapKind
from tfseg.structures.prediction import Prediction
from tfseg.structures.report import LoadReport, Report
from tfseg.structures.sample import Sample

__all__ = ["Attribute", "LabelMapKind", "LoadReport", "Prediction", "Report", "Sample", "Trait"]
