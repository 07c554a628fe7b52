"""Open Images V5 segmentation: CSV, mask PNGs of another size, class names and their hierarchy.

`convert_open_images` writes a COCO dataset and an account of what was kept and dropped and why;
`OpenImagesDataset` reads the same masks where they are. The defaults are the clothing paper's
section 4.
"""

from tfseg.data.open_images.convert import ConversionOptions, convert_open_images
from tfseg.data.open_images.dataset import OpenImagesDataset
from tfseg.data.open_images.plan import Source, make_plan
from tfseg.data.open_images.report import OpenImagesReport
from tfseg.data.open_images.rules import SelectionRules

__all__ = [
    "ConversionOptions",
    "OpenImagesDataset",
    "OpenImagesReport",
    "SelectionRules",
    "Source",
    "convert_open_images",
    "make_plan",
]
