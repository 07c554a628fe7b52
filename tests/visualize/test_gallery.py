"""Sheets of images, and files written whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tfseg.errors import ConfigError, DataError, TFSegError
from tfseg.visualize import grid, save_png


def plain(height, width, value) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_pictures_keep_their_pixels_and_order():
    sheet = grid([plain(10, 20, 1), plain(10, 20, 2), plain(10, 20, 3)], columns=2, gap=4)
    assert sheet.shape == (4 + 2 * 14, 4 + 2 * 24, 3)
    assert (sheet[4:14, 4:24] == 1).all() and (sheet[4:14, 28:48] == 2).all()
    assert (sheet[18:28, 4:24] == 3).all()
    assert (sheet[:4] == 255).all() and (sheet[18:28, 28:] == 255).all()


def test_rows_are_as_high_as_their_own_pictures():
    sheet = grid([plain(10, 50, 1), plain(40, 50, 2)], columns=1, gap=0)
    assert sheet.shape == (50, 50, 3)


def test_captions_are_written_below():
    pictures = [plain(30, 100, 0), plain(30, 100, 0)]
    sheet = grid(pictures, ["one", "a caption that is much too long for its image"], columns=2)
    strip = sheet[8 + 30 : -8]
    assert (strip < 128).any() and strip.shape[0] > 8
    assert (sheet[:, 108:116] == 255).all(), "a caption runs over its image's width"


def test_cell_fits_the_long_side():
    sheet = grid([plain(100, 400, 5), plain(20, 10, 9)], columns=2, gap=0, cell=40)
    assert sheet.shape == (40, 80, 3)


def test_grey_none_and_single_pixel():
    assert grid([np.zeros((5, 5), np.uint8), plain(1, 1, 3)]).dtype == np.uint8
    assert grid([]).shape[2] == 3
    assert len(np.unique(grid([]))) > 1  # it says so in letters


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(captions=["a", "b"]), ConfigError, "captions: expected 1"),
        (dict(columns=0), ConfigError, "columns"),
        (dict(cell=0), ConfigError, "cell"),
        (dict(gap=-1), ConfigError, "gap"),
    ],
)
def test_bad_options_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        grid([plain(5, 5, 0)], **arguments)


def test_a_bad_picture_is_named_by_its_place():
    with pytest.raises(DataError, match="image 1"):
        grid([plain(5, 5, 0), np.zeros((5, 5, 3))])


def test_png_round_trip_makes_directories(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    path = save_png(tmp_path / "new" / "picture.png", image)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), image)
    assert [p.name for p in path.parent.iterdir()] == ["picture.png"]


def test_unwritable_directory_is_named(tmp_path):
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(
        TFSegError, match="picture.png: could not be written .*choose another folder"
    ):
        save_png(tmp_path / "file" / "picture.png", plain(5, 5, 0))


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = save_png(tmp_path / "picture.png", plain(5, 5, 7))
    before = path.read_bytes()

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(TFSegError, match="No space left"):
        save_png(path, plain(5, 5, 9))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["picture.png"]
