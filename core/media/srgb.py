"""The curve of sRGB: from a picture's values to linear light, and back.

Source: IEC 61966-2-1.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def decode_srgb(values: NDArray[Any]) -> NDArray[Any]:
    """Converts floats from 0 to 1, of any shape, to linear light of the same type."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encode_srgb(light: NDArray[Any]) -> NDArray[Any]:
    """Inverts `decode_srgb`; what is below 0 becomes 0."""
    safe = np.maximum(light, 0)
    values: NDArray[Any] = np.where(safe <= 0.0031308, safe * 12.92, 1.055 * safe ** (1 / 2.4) - 0.055)
    return values
