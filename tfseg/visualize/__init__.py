"""Pictures out: drawn predictions, cut-outs, galleries, curves, a report to open in a browser."""

from tfseg.visualize.comparison import save_comparison
from tfseg.visualize.curves import read_log, save_curves
from tfseg.visualize.cutout import cut_out, firm_alpha, replace_background, save_picture
from tfseg.visualize.draw import draw, side_by_side
from tfseg.visualize.files import save_png
from tfseg.visualize.gallery import grid
from tfseg.visualize.report import Example, write_html

__all__ = [
    "Example",
    "cut_out",
    "firm_alpha",
    "draw",
    "grid",
    "read_log",
    "replace_background",
    "save_comparison",
    "save_curves",
    "save_picture",
    "save_png",
    "side_by_side",
    "write_html",
]
