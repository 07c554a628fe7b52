import sys
from pathlib import Path

# `toy_estimator` is imported by these tests and by the processes that they start.
sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
