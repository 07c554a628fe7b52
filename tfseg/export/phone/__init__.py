"""From the dense part of a trained network to files for phones, and what that costs."""
