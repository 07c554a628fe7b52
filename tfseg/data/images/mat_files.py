"""Variables of MATLAB files."""

from __future__ import annotations

import numpy as np

from tfseg.errors import DataError

__all__ = ["read_mat"]


def read_mat(path: str, variable: str) -> np.ndarray:
    """Returns a variable of a MATLAB file (version 5 to 7.2).

    Raises:
        DataError: The file is missing or damaged, or has no such variable.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=[variable])
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file. Check the folder's layout.") from None
    except Exception as error:  # scipy raises many kinds, some of its own, on damaged files
        raise DataError(
            f"{path}: cannot be read as a MATLAB file ({error}). Fetch it again."
        ) from error
    if variable not in content:
        raise DataError(f"{path}: expected the variable {variable!r}, which is not there.")
    return np.asarray(content[variable])
