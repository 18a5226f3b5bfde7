"""Sheets of small images, decoded again by Pillow."""

import base64
import io
import warnings

import numpy as np
import pytest

from skdec import NeighborClusterer, report
from skdec._report.content import build_sheets
from skdec.tables._reader import load_table

Image = pytest.importorskip("PIL.Image", reason="Pillow is in the extra plot")


def read_image(sheets, index):
    """Return an image as the page cuts it out of its sheet."""
    data = sheets["sheets"][index // sheets["perSheet"]].split(",")[1]
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
    row, column = divmod(index % sheets["perSheet"], sheets["perRow"])
    height, width = sheets["height"], sheets["width"]
    return sheet[row * height : (row + 1) * height, column * width : (column + 1) * width]


def test_gray_images_come_back_in_16_levels(random):
    images = random(0).random((2600, 6)) * 4 - 1
    sheets = build_sheets(images, (2, 3), (-1.0, 3.0))
    assert len(sheets["sheets"]) == 2
    assert sheets["isGray"]
    assert all(sheet.startswith("data:image/png;base64,") for sheet in sheets["sheets"])
    for index in (0, 51, 2499, 2500, 2599):
        expected = (images[index].reshape(2, 3) + 1) / 4 * 255
        shown = read_image(sheets, index)
        assert (shown[..., 0] == shown[..., 1]).all()
        np.testing.assert_allclose(shown[..., 0], expected, atol=255 / 15 / 2 + 1)


@pytest.mark.parametrize("n_channels", [3, 4])
def test_colors_come_back(n_channels):
    image = np.zeros((8, 8, n_channels))
    image[..., 0] = 1  # red
    sheets = build_sheets(np.stack([image.ravel()] * 3), (8, 8, n_channels), (0.0, 1.0))
    assert not sheets["isGray"]
    np.testing.assert_allclose(read_image(sheets, 0)[4, 4], [255, 0, 0], atol=12)


def test_large_images_are_averaged_in_blocks():
    image = np.zeros((70, 65))
    image[:3, :3] = 1  # a block, since 70 pixels are reduced three times
    sheets = build_sheets(image.reshape(1, -1), (70, 65), (0.0, 1.0))
    assert (sheets["height"], sheets["width"]) == (24, 22)
    shown = read_image(sheets, 0)[..., 0]
    assert shown[0, 0] == 255
    assert shown.sum() == 255


def test_constant_images_have_no_range():
    sheets = build_sheets(np.ones((1, 4)), (2, 2), (1.0, 1.0))
    assert (read_image(sheets, 0) == 0).all()


def test_images_of_a_folder_are_reported_without_a_warning_about_scales(tmp_path, random):
    """Pixels at the border vary less; advice for the columns of a table would be wrong."""
    images = random(0).integers(0, 256, (20, 3, 3)).astype(np.uint8)
    images[:, 0] = random(1).integers(0, 2, (20, 3))
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    X, *_ = load_table(str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = NeighborClusterer(2, random_state=0).fit(X)
        assert report(model, X, image_shape=(3, 3)).content["prototypes"]
    with pytest.warns(UserWarning, match="very different scales"):
        NeighborClusterer(2, random_state=0).fit(X.to_numpy())
