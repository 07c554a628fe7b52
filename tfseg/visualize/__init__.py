"""Pictures out: drawn predictions, galleries, curves and a report to open in a browser."""

from tfseg.visualize.comparison import save_comparison
from tfseg.visualize.curves import read_log, save_curves
from tfseg.visualize.draw import draw, side_by_side
from tfseg.visualize.files import save_png
from tfseg.visualize.gallery import grid
from tfseg.visualize.report import Example, write_html

__all__ = [
    "Example",
    "draw",
    "grid",
    "read_log",
    "save_comparison",
    "save_curves",
    "save_png",
    "side_by_side",
    "write_html",
]
