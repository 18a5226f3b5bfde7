"""Many small images in few files, as data URIs."""

import base64
import io
from typing import Any

import numpy as np

# Images with a longer side are reduced to it.
_MAX_SIDE = 32
_IMAGES_PER_ROW = 50
_IMAGES_PER_SHEET = _IMAGES_PER_ROW**2
_N_GRAY_LEVELS = 16


def build_sheets(
    images: np.ndarray, image_shape: tuple[int, ...], value_range: tuple[float, float]
) -> dict[str, Any]:
    """Put images side by side on sheets of 50 x 50, in the order of rows.

    Parameters
    ----------
    images : ndarray of shape (n_images, n_features)
        The images.
    image_shape : tuple of int
        Height and width, and 3 or 4 if they have colors.
    value_range : tuple of float
        The values that are black and white.

    Returns
    -------
    dict
        Size of an image, whether it is gray, images in a row and on a sheet, and the sheets as data
        URIs: PNG with 16 levels of gray, or JPEG.
    """
    step = _choose_step(image_shape)
    lowest, highest = value_range
    sheets = [
        _encode(_arrange(_scale(part, image_shape, step, lowest, highest)))
        for part in np.split(images, range(_IMAGES_PER_SHEET, len(images), _IMAGES_PER_SHEET))
    ]
    height, width = (-(-side // step) for side in image_shape[:2])
    return {
        "width": width,
        "height": height,
        "isGray": len(image_shape) == 2,
        "perRow": _IMAGES_PER_ROW,
        "perSheet": _IMAGES_PER_SHEET,
        "sheets": sheets,
    }


def count_characters(image_shape: tuple[int, ...]) -> float:
    """Return about how many characters an image takes on a sheet."""
    step = _choose_step(image_shape)
    per_pixel = 0.2 if len(image_shape) == 2 else 0.8
    return per_pixel * image_shape[0] * image_shape[1] / step**2


def _choose_step(image_shape: tuple[int, ...]) -> int:
    """Return the side of the blocks of pixels that are averaged."""
    return max(1, -(-max(image_shape[:2]) // _MAX_SIDE))


def _scale(
    images: np.ndarray, image_shape: tuple[int, ...], step: int, lowest: float, highest: float
) -> np.ndarray:
    """Return images of bytes with 1 or 3 colors, blocks of `step` x `step` pixels averaged."""
    values = (images - lowest) / ((highest - lowest) or 1.0)
    values = values.reshape(len(images), *image_shape[:2], -1)[..., :3]
    values = values.astype(np.float32)
    padding = [(0, 0), *((0, -side % step) for side in image_shape[:2]), (0, 0)]
    values = np.pad(values, padding, mode="edge")
    n, height, width, n_colors = values.shape
    blocks = values.reshape(n, height // step, step, width // step, step, n_colors)
    return np.round(np.clip(blocks.mean(axis=(2, 4)), 0, 1) * 255).astype(np.uint8)


def _arrange(images: np.ndarray) -> np.ndarray:
    """Return one large image of rows of images."""
    n, height, width, n_colors = images.shape
    n_rows = -(-n // _IMAGES_PER_ROW)
    sheet = np.zeros((n_rows * _IMAGES_PER_ROW, height, width, n_colors), dtype=np.uint8)
    sheet[:n] = images
    sheet = sheet.reshape(n_rows, _IMAGES_PER_ROW, height, width, n_colors)
    return sheet.transpose(0, 2, 1, 3, 4).reshape(n_rows * height, -1, n_colors)


def _encode(sheet: np.ndarray) -> str:
    from PIL import Image

    file = io.BytesIO()
    if sheet.shape[2] == 1:
        step = 255 // (_N_GRAY_LEVELS - 1)
        image = Image.fromarray(np.round(sheet[..., 0] / step).astype(np.uint8), mode="P")
        image.putpalette(np.repeat(np.arange(_N_GRAY_LEVELS) * step, 3).tolist())
        image.save(file, "PNG", bits=4, optimize=True)
        kind = "png"
    else:
        Image.fromarray(sheet, mode="RGB").save(file, "JPEG", quality=80)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
