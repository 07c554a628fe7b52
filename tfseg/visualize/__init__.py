"""Pictures out: drawn predictions, galleries, curves and a report to open in a browser."""

from tfseg.visualize.draw import draw, side_by_side
from tfseg.visualize.files import save_png
from tfseg.visualize.gallery import grid

__all__ = ["draw", "grid", "save_png", "side_by_side"]
