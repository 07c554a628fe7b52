"""Cut-outs and new backgrounds, against mixtures whose parts are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tfseg.errors import ConfigError, DataError, TFSegError
from tfseg.visualize import cutout
from tfseg.visualize.cutout import cut_out, firm_alpha, picture_format, replace_background


@pytest.fixture(scope="module")
def mixture():
    """A red disk with a soft edge before green: image, opacity, and both parts alone."""
    rows, columns = np.mgrid[:120, :160]
    share = np.clip((40 - np.hypot(rows - 60, columns - 80)) / 6 + 0.5, 0, 1)[..., None]
    front = np.broadcast_to((200.0, 40.0, 50.0), (120, 160, 3))
    behind = np.stack([np.full((120, 160), 20.0), 220.0 - rows / 4, columns / 2.0], -1)
    picture = np.rint(share * front + (1 - share) * behind).astype(np.uint8)
    return picture, np.rint(share[..., 0] * 255).astype(np.uint8), front, behind


def test_cut_out_keeps_the_opaque_and_hides_nothing_in_the_clear(mixture):
    picture, alpha, front, _ = mixture
    cut = cut_out(picture, alpha)
    assert cut.shape == (120, 160, 4) and cut.dtype == np.uint8
    np.testing.assert_array_equal(cut[..., 3], alpha)
    np.testing.assert_array_equal(cut[alpha == 255, :3], picture[alpha == 255])
    assert not cut[alpha == 0].any()
    soft = (alpha > 60) & (alpha < 255)
    before = np.abs(picture[soft] - front[soft]).mean()
    after = np.abs(cut[soft, :3] - front[soft]).mean()
    assert after < before / 4  # the green is out of the edge


def test_edges_may_be_left_as_they_are(mixture):
    picture, alpha, *_ = mixture
    cut = cut_out(picture, alpha, clean_edges=False)
    np.testing.assert_array_equal(cut[alpha > 0, :3], picture[alpha > 0])


def test_tiles_leave_no_seam(mixture, monkeypatch):
    picture, alpha, *_ = mixture
    whole = cutout.foreground_colours(picture, alpha)
    monkeypatch.setattr(cutout, "_TILE", 37)
    np.testing.assert_array_equal(cutout.foreground_colours(picture, alpha), whole)
    tiled = replace_background(picture, alpha, "#102030")
    monkeypatch.undo()
    np.testing.assert_array_equal(tiled, replace_background(picture, alpha, "#102030"))


def test_a_colour_behind(mixture):
    picture, alpha, front, _ = mixture
    for name in ("#ff8000", "rgb(255, 128, 0)"):
        result = replace_background(picture, alpha, name)
        assert (result[alpha == 0] == (255, 128, 0)).all()
        np.testing.assert_array_equal(result[alpha == 255], picture[alpha == 255])
        share = alpha[..., None] / 255
        expected = share * front + (1 - share) * (255, 128, 0)
        assert np.abs(result - expected).mean() < 1
    assert (replace_background(picture, alpha * 0, "white") == 255).all()


def test_mixing_is_exact_to_the_nearest_number():
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = np.full((16, 16, 3), 201, np.uint8)
    result = replace_background(picture, alpha, "#0a0a0a", clean_edges=False)
    expected = np.floor((201.0 * alpha + 10.0 * (255 - alpha.astype(float))) / 255 + 0.5)
    np.testing.assert_array_equal(result, np.repeat(expected[..., None], 3, axis=2))


def test_blur_softens_the_background_and_has_no_halo(mixture):
    picture, alpha, _, behind = mixture
    rng = np.random.default_rng(0)
    noisy = picture.copy()
    clear = alpha == 0
    noisy[clear] = np.clip(picture[clear] + rng.normal(0, 25, (clear.sum(), 3)), 0, 255)
    result = replace_background(noisy, alpha, "blur", blur=4)
    assert np.abs(result[clear] - behind[clear]).mean() < 5
    assert np.abs(result[clear] - behind[clear])[:, 0].max() < 25  # no red from the disk
    np.testing.assert_array_equal(result[alpha == 255], picture[alpha == 255])
    assert result.shape == picture.shape


def test_blur_where_all_or_nothing_is_foreground(mixture):
    picture = mixture[0]
    full = np.ones(picture.shape[:2], bool)
    np.testing.assert_array_equal(replace_background(picture, full, "blur"), picture)
    assert replace_background(picture, ~full, "blur").std() < picture.std()


@pytest.mark.parametrize("size", [(60, 400), (400, 60), (7, 5), (120, 160), (1, 1)])
def test_a_picture_behind_covers_from_its_middle(mixture, size):
    picture, alpha, *_ = mixture
    other = np.zeros((*size, 3), np.uint8)
    other[...] = (5, 100, 200)
    result = replace_background(picture, alpha, other)
    assert (result[alpha == 0] == (5, 100, 200)).all()


def test_the_middle_is_taken_undistorted():
    other = np.zeros((100, 300, 3), np.uint8)
    other[40:60, 140:160] = 255
    clear = np.zeros((50, 50), np.uint8)
    result = replace_background(np.zeros((50, 50, 3), np.uint8), clear, other)
    rows, columns = np.nonzero(result[..., 0] > 127)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 29, 20, 29)


def test_none_is_transparency(mixture):
    picture, alpha, *_ = mixture
    cut = replace_background(picture, alpha, None)
    np.testing.assert_array_equal(cut, cut_out(picture, alpha))


def test_opacity_of_all_kinds():
    picture = np.full((2, 3, 3), 9, np.uint8)
    shares = np.array([[0, 0, 1], [1, 1, 0]])
    for alpha in (shares.astype(bool), shares.astype(np.float32), (shares * 255).astype(np.uint8)):
        np.testing.assert_array_equal(cut_out(picture, alpha)[..., 3], shares * 255)
    assert cut_out(np.full((1, 1), 7, np.uint8), np.ones((1, 1))).tolist() == [[[7, 7, 7, 255]]]


def test_firm_alpha():
    alpha = np.array([[0, 25, 26, 128, 229, 230, 255]], np.uint8)
    assert firm_alpha(alpha).tolist() == [[0, 0, 1, 128, 254, 255, 255]]
    everything = np.arange(256, dtype=np.uint8)[None]
    np.testing.assert_array_equal(firm_alpha(everything, 1), everything)
    with pytest.raises(ConfigError, match="certain"):
        firm_alpha(alpha, 0.5)


def test_bad_input_says_what_to_pass():
    picture, alpha = np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.uint8)
    with pytest.raises(DataError, match="the image is 4 x 5 pixels, its opacity 5 x 4"):
        cut_out(picture, alpha.T)
    for wrong in (alpha.astype(np.int64), alpha + 2.0, alpha + np.nan, alpha[..., None]):
        with pytest.raises(DataError, match="alpha: expected the opacity of each pixel"):
            cut_out(picture, wrong)
    with pytest.raises(DataError, match="expected an RGB image"):
        cut_out(picture[..., :0], alpha)
    for wrong in ("blurr", "#12", "", 7, "photo.jpg"):
        with pytest.raises(ConfigError, match="background: expected 'blur', a colour"):
            replace_background(picture, alpha, wrong)
    with pytest.raises(DataError, match="background: expected an RGB image"):
        replace_background(picture, alpha, np.zeros((3, 3, 3)))
    with pytest.raises(ConfigError, match="blur: expected a number of pixels"):
        replace_background(picture, alpha, "blur", blur=0)


@pytest.mark.parametrize("name", ["cut.png", "cut.webp", "deep/er/cut.PNG"])
def test_files_keep_opacity(tmp_path, mixture, name):
    cut = cut_out(mixture[0], mixture[1])
    path = cutout.save_picture(tmp_path / name, cut)
    with Image.open(path) as image:
        assert image.mode == "RGBA" and image.size == (160, 120)
        np.testing.assert_array_equal(np.asarray(image)[..., 3], mixture[1])
    assert [p.name for p in path.parent.iterdir() if p.is_file()] == [path.name]


def test_files_without_opacity(tmp_path, mixture):
    for name in ("a.jpg", "b.JPEG", "c.png", "d.webp"):
        with Image.open(cutout.save_picture(tmp_path / name, mixture[0])) as image:
            assert image.mode == "RGB"
            assert np.abs(np.asarray(image).astype(int) - mixture[0]).mean() < 3
    with Image.open(cutout.save_picture(tmp_path / "alpha.png", mixture[1])) as image:
        np.testing.assert_array_equal(np.asarray(image), mixture[1])


def test_names_that_cannot_hold_the_picture(tmp_path, mixture):
    assert picture_format("a.jpg") == "JPEG"
    with pytest.raises(ConfigError, match="JPEG file cannot be transparent"):
        picture_format("a.jpg", transparent=True)
    for name in ("a.bmp", "a"):
        with pytest.raises(ConfigError, match=r"ends in \.png"):
            picture_format(name)
    with pytest.raises(ConfigError, match="transparent"):
        cutout.save_picture(tmp_path / "a.jpg", cut_out(mixture[0], mixture[1]))
    with pytest.raises(DataError, match="picture: expected an RGB image"):
        cutout.save_picture(tmp_path / "a.png", np.zeros((2, 2, 2), np.uint8))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(TFSegError, match="could not be written"):
        cutout.save_picture(tmp_path / "file" / "a.png", mixture[0])
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
