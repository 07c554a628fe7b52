"""How the phone's network reads an image."""

from __future__ import annotations

import numpy as np

__all__ = ["FLOAT_MEAN", "INPUT_RANGE", "INT8_MEAN", "STD", "network_input"]

STD, FLOAT_MEAN, INT8_MEAN = 127.5, 127.5, 128.0
"""The network reads `(grey value - mean) / std`. Half a grey value lies between the two means: with
128 each of the 256 grey values is one of the 256 steps of an int8 input, its value minus 128."""
INPUT_RANGE = (-INT8_MEAN / STD, (255 - INT8_MEAN) / STD)


def network_input(pictures: np.ndarray, mean: float = INT8_MEAN) -> np.ndarray:
    """Returns images, grey values 0 to 255, as the network reads them, float32."""
    return (np.asarray(pictures, np.float32) - np.float32(mean)) / np.float32(STD)
