"""The colors of clusters, seen with normal vision and with two kinds of color blindness."""

import numpy as np
import pytest

from skdec.display._axes import NOISE_COLOR, ON_DARK, ON_LIGHT, assign_colors

# Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def to_linear(color):
    values = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def to_oklab(linear):
    """Convert linear RGB; Ottosson, "A perceptual color space for image processing" (2020)."""
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(np.clip(linear, 0, 1) @ np.transpose(to_cones)) @ np.transpose(to_lab)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("colors", [ON_LIGHT, ON_DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("n_colors", "least"), [(10, 0.075), (30, 0.045)])
def test_colors_can_be_told_apart(colors, vision, n_colors, least):
    """A distance of 0.02 in OKLab is about the least that people notice."""
    seen = to_oklab([VISIONS[vision] @ to_linear(color) for color in colors[:n_colors]])
    distances = np.linalg.norm(seen[:, None] - seen, axis=2)
    assert distances[~np.eye(n_colors, dtype=bool)].min() > least


@pytest.mark.parametrize(
    ("colors", "background"), [(ON_LIGHT, "#ffffff"), (ON_DARK, "#111418")], ids=["light", "dark"]
)
def test_colors_stand_out_from_the_background(colors, background):
    weights = np.array([0.2126, 0.7152, 0.0722])
    behind = weights @ to_linear(background)
    for color in (*colors, NOISE_COLOR):
        luminance = weights @ to_linear(color)
        low, high = sorted([behind, luminance])
        assert (high + 0.05) / (low + 0.05) >= 1.9


def test_labels_have_colors_in_order_and_noise_is_gray():
    assert assign_colors([-1, 0, 5]) == {-1: NOISE_COLOR, 0: ON_LIGHT[0], 5: ON_LIGHT[1]}
    assert assign_colors(["a"], dark=True) == {"a": ON_DARK[0]}
    assert assign_colors(range(31))[30] == ON_LIGHT[0]
