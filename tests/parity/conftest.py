import sys
from pathlib import Path

# `foreign_files` writes weights as the originals do.
sys.path.insert(0, str(Path(__file__).parents[1] / "convert"))
