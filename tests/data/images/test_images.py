import io

import numpy as np
import pytest
from each_case import each
from PIL import Image

from tfseg.data.images import jpeg_scan
from tfseg.data.images.images import (
    image_size,
    read_image,
    sound_size,
    stored_orientation,
    to_rgb,
    turn,
)
from tfseg.errors import DataError


def picture(height=20, width=30, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height=40, width=60):
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 4, y * 5, 255 - x * 4], -1).clip(0, 255).astype(np.uint8)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# How each EXIF orientation is to be seen, written with rotations and mirrors (JEITA CP-3451).
SEEN = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.rot90(np.fliplr(a), 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.fliplr(a), -1),
    8: lambda a: np.rot90(a, 1),
}


@each("orientation", range(1, 9))
@each("kind", ["png", "jpeg"])
def test_exif_orientations_are_honoured(tmp_path, orientation, kind):
    stored = Image.fromarray(smooth())
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned.{kind}"
    stored.save(path, exif=exif)
    upright = np.asarray(Image.open(path).convert("RGB"))
    image = read_image(path)
    np.testing.assert_array_equal(image, SEEN[orientation](upright))
    assert image.flags.c_contiguous
    assert image_size(path) == image.shape[:2]
    assert image_size(path.read_bytes()) == image.shape[:2]
    assert stored_orientation(path) == orientation


@each("orientation", range(1, 9))
def test_turn_moves_label_maps_too(orientation):
    labels = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(turn(labels, orientation), SEEN[orientation](labels))


def test_an_unknown_orientation_and_a_damaged_exif_block_leave_the_picture_as_it_is(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 77
    path = tmp_path / "odd.jpg"
    Image.fromarray(smooth()).save(path, exif=exif)
    assert read_image(path).shape == (40, 60, 3)
    data = encoded(Image.fromarray(smooth()), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert read_image(data).shape == (40, 60, 3)


@each("mode", ["RGB", "L"])
@each("options", [{}, {"quality": 100, "subsampling": 0}, {"progressive": True}])
def test_the_short_way_for_jpeg_gives_pillows_pixels(mode, options):
    for image in (smooth(), picture(37, 53)):
        data = encoded(Image.fromarray(image).convert(mode), "JPEG", **options)
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        np.testing.assert_array_equal(read_image(data), expected)


def test_jpeg_with_bytes_after_its_end_is_read():
    data = encoded(Image.fromarray(smooth()), "JPEG")
    np.testing.assert_array_equal(read_image(data + b"trailer"), read_image(data))


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = picture()[..., 0]
    path = tmp_path / "grey.png"
    Image.fromarray(grey).save(path)
    np.testing.assert_array_equal(read_image(path), np.repeat(grey[..., None], 3, axis=2))


def test_one_bit_images():
    bits = picture()[..., 0] > 100
    image = read_image(encoded(Image.fromarray(bits), "PNG"))
    np.testing.assert_array_equal(image[..., 1], np.where(bits, 255, 0))


def on_white(colour, alpha):
    weight = alpha[..., None] / 255.0
    return colour * weight + 255.0 * (1 - weight)


def test_transparency_is_laid_on_white():
    colour, alpha = picture(), picture(seed=1)[..., 0]
    image = read_image(encoded(Image.fromarray(np.dstack([colour, alpha])), "PNG"))
    assert np.abs(image - on_white(colour.astype(float), alpha)).max() <= 0.5
    alpha[:] = 0
    assert (read_image(encoded(Image.fromarray(np.dstack([colour, alpha])), "PNG")) == 255).all()
    alpha[:] = 255
    opaque = read_image(encoded(Image.fromarray(np.dstack([colour, alpha])), "PNG"))
    np.testing.assert_array_equal(opaque, colour)


def test_grey_with_alpha():
    grey, alpha = picture()[..., 0], picture(seed=1)[..., 0]
    image = read_image(
        encoded(Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)]), "PNG")
    )
    expected = on_white(np.repeat(grey[..., None], 3, 2).astype(float), alpha)
    assert np.abs(image - expected).max() <= 0.5


def test_palette_with_and_without_transparency():
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    palette = Image.new("P", (3, 2))
    palette.putpalette(colours.reshape(-1).tolist())
    palette.putdata(indices.reshape(-1).tolist())
    np.testing.assert_array_equal(read_image(encoded(palette, "PNG")), colours[indices])
    seen = colours.copy()
    seen[1] = 255
    np.testing.assert_array_equal(
        read_image(encoded(palette, "PNG", transparency=1)), seen[indices]
    )


def test_sixteen_bits_are_scaled():
    values = np.array([[0, 128, 257, 32896], [65535, 65407, 25700, 129]], np.uint16)
    image = read_image(encoded(Image.fromarray(values), "PNG"))
    np.testing.assert_array_equal(image[..., 0], np.round(values / 257.0).astype(np.uint8))
    np.testing.assert_array_equal(image[..., 0], image[..., 2])
    tiff = read_image(encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(tiff, image)


def test_cmyk_jpeg_is_converted():
    cmyk = Image.fromarray(smooth()).convert("CMYK")
    data = encoded(cmyk, "JPEG", quality=98)
    assert Image.open(io.BytesIO(data)).mode == "CMYK"
    assert np.abs(read_image(data).astype(int) - smooth()).mean() < 4


@each("kind", ["GIF", "WebP", "PNG"])
def test_the_first_frame_of_an_animation_counts(kind):
    frames = [Image.new("RGB", (24, 16), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WebP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(data)).n_frames == 3
    image = read_image(data)
    assert image.shape == (16, 24, 3)
    assert (image == (255, 0, 0)).all()


@each("shape", [(1, 1), (10, 10000), (10000, 10)])
@each("kind", ["PNG", "JPEG"])
def test_extreme_sizes(shape, kind):
    data = encoded(Image.fromarray(picture(*shape)), kind)
    assert read_image(data).shape == (*shape, 3)
    assert image_size(data) == shape


def test_missing_file_names_the_file_and_the_folder(tmp_path):
    with pytest.raises(DataError, match=r"cat\.jpg: there is no such file\. Check"):
        read_image(tmp_path / "cat.jpg")
    with pytest.raises(DataError, match=r"there is no folder .*nowhere"):
        image_size(tmp_path / "nowhere" / "cat.jpg")


def test_empty_file_folder_address_and_wrong_type(tmp_path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(DataError, match=r"empty\.jpg: the file is empty"):
        read_image(tmp_path / "empty.jpg")
    with pytest.raises(DataError, match="got a folder"):
        read_image(tmp_path)
    with pytest.raises(DataError, match="not fetched"):
        read_image("https://example.org/cat.jpg")
    with pytest.raises(DataError, match="to_rgb"):
        read_image(np.zeros((3, 3, 3)))
    with pytest.raises(DataError, match="got none"):
        read_image(b"")


def test_text_is_no_picture(tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("<html>not found</html>")
    with pytest.raises(DataError, match=r"notes\.jpg: expected an image.*<html>"):
        read_image(path)
    with pytest.raises(DataError, match=r"notes\.jpg: expected an image.*<html>"):
        image_size(path)


@each("kind", ["JPEG", "PNG", "GIF", "WebP", "BMP", "TIFF"])
@each("share", [0.4, 0.75, 0.97])
def test_cut_off_files_are_noticed(tmp_path, kind, share):
    data = encoded(Image.fromarray(picture(120, 160)), kind)
    path = tmp_path / "cut.img"
    path.write_bytes(data[: int(len(data) * share)])
    for read in (read_image, sound_size):
        with pytest.raises(DataError, match=r"cut\.img: .*[Ff]etch"):
            read(path)
    for source in (data, data + b"more"):
        assert sound_size(source) == (120, 160)


def noisy(height=120, width=160):
    noise = np.random.default_rng(3).normal(0, 12, (height, width, 3))
    return (smooth(height, width) * 0.5 + 60 + noise).clip(0, 255).astype(np.uint8)


@each(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
    ],
)
def test_what_the_decoder_refuses_is_refused(kind, options):
    data, refused = encoded(Image.fromarray(noisy()), kind, **options), 0
    for place in np.linspace(0.1, 0.95, 12):
        damaged = bytearray(data)
        start = int(len(data) * place)
        damaged[start : start + 8] = b"\x5a\x01\xee\x77\x90\x13\xc4\x2b"
        damaged = bytes(damaged)
        try:
            alone = np.asarray(Image.open(io.BytesIO(damaged)).convert("RGB"))
        except (OSError, SyntaxError, ValueError, EOFError):
            refused += 1
            with pytest.raises(DataError, match="cut off or damaged|expected an image"):
                read_image(damaged)
        else:
            np.testing.assert_array_equal(read_image(damaged), alone)
    # PNG has checksums everywhere; the others notice some of it, or nothing.
    assert refused == 12 or kind != "PNG"


@each("orientation", [1, 3, 6, 8])
def test_the_turn_of_tiff_is_applied_once(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(smooth()), "TIFF", exif=exif)
    np.testing.assert_array_equal(read_image(data), SEEN[orientation](smooth()))
    assert image_size(data) == read_image(data).shape[:2]


@each("share", [0.3, 0.6, 0.9])
def test_half_a_jpeg_with_an_end_marker_is_refused(tmp_path, share):
    for options in ({}, {"restart_marker_rows": 1}, {"optimize": True}):
        data = encoded(Image.fromarray(noisy()), "JPEG", **options)
        path = tmp_path / "half.jpg"
        path.write_bytes(data[: int(len(data) * share)].rstrip(b"\xff") + b"\xff\xd9")
        with pytest.raises(DataError, match=r"half.jpg.*cut off or damaged.*data.*is missing"):
            read_image(path)


def test_grey_and_plain_pictures_are_no_half_jpegs():
    grey, white = (np.full((53, 70, 3), value, np.uint8) for value in (128, 255))
    corner = noisy()
    corner[60:] = 128
    for array in (grey, white, corner, noisy()[:7, :3], noisy()):
        for options in ({}, {"quality": 95, "subsampling": 0}, {"progressive": True}):
            data = encoded(Image.fromarray(array.copy()), "JPEG", **options)
            assert read_image(data).shape == array.shape
            assert not jpeg_scan.lacks_data(data) and not jpeg_scan.leaves_data(data)


def test_a_jpeg_cut_within_its_header(tmp_path):
    data = encoded(Image.fromarray(picture()), "JPEG")
    for length in (2, 20, 100, 300):
        with pytest.raises(DataError, match="cut off or damaged" if length > 2 else None):
            read_image(data[:length])


def test_decompression_bombs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = tmp_path / "bomb.png"
    Image.fromarray(picture()).save(path)
    with pytest.raises(DataError, match=r"bomb\.png: the image is too large"):
        read_image(path)
    with pytest.raises(DataError, match="too large"):
        image_size(path)


def test_unreadable_rights(tmp_path, monkeypatch):
    path = tmp_path / "secret.png"
    Image.fromarray(picture()).save(path)

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(DataError, match=r"secret\.png: cannot be read \(Permission denied\)"):
        read_image(path)


def test_to_rgb_keeps_uint8_and_makes_it_contiguous():
    image = picture()
    np.testing.assert_array_equal(to_rgb(image), image)
    assert to_rgb(image[:, ::-1]).flags.c_contiguous


@each("shape", [(5, 7), (5, 7, 1)])
def test_to_rgb_of_grey(shape):
    grey = np.arange(35, dtype=np.uint8).reshape(shape)
    np.testing.assert_array_equal(to_rgb(grey), np.repeat(grey.reshape(5, 7, 1), 3, 2))


def test_to_rgb_of_alpha_bool_and_uint16():
    rgba = np.dstack([picture(), picture(seed=1)[..., 0]])
    assert np.abs(to_rgb(rgba) - on_white(rgba[..., :3].astype(float), rgba[..., 3])).max() <= 0.5
    assert to_rgb(np.array([[True, False]]))[0, :, 0].tolist() == [255, 0]
    assert to_rgb(np.array([[65535, 257, 0]], np.uint16))[0, :, 1].tolist() == [255, 1, 0]


def test_to_rgb_of_floats_and_wide_integers():
    assert to_rgb(np.array([[0.0, 0.5, 1.0]]))[0, :, 0].tolist() == [0, 128, 255]
    assert to_rgb(np.array([[0.0, 99.6, 255.0]]))[0, :, 0].tolist() == [0, 100, 255]
    assert to_rgb(np.array([[0, 7, 255]], np.int64))[0, :, 0].tolist() == [0, 7, 255]
    assert to_rgb(np.zeros((2, 2), np.float32)).max() == 0
    assert to_rgb(np.array([[0.0, 1.0, 2.0]]))[0, :, 0].tolist() == [0, 1, 2]


@each(
    ("array", "message"),
    [
        (np.zeros((2, 3, 4, 3), np.uint8), "list"),
        (np.zeros((3, 20, 20), np.uint8), "transpose"),
        (np.zeros((5, 5, 7), np.uint8), r"got shape \(5, 5, 7\)"),
        (np.zeros(5, np.uint8), "got shape"),
        (np.zeros((0, 5, 3), np.uint8), "at least one pixel"),
        (np.full((2, 2), np.nan), "NaN"),
        (np.full((2, 2), np.inf), "NaN or infinity"),
        (np.full((2, 2), -3.5), "mean subtraction"),
        (np.array([[0.2, 1.067]]), r"fractions beyond 1.*numpy.clip\(array, 0, 1\)"),
        (np.full((2, 2), 300), "between 0 and 255"),
        (np.full((2, 2), "x"), "dtype"),
        (np.full((2, 2), 1j), "dtype"),
        (np.array([[None]]), "dtype"),
    ],
)
def test_to_rgb_refuses_what_it_cannot_mean(array, message):
    with pytest.raises(DataError, match=f"photo 7: .*{message}"):
        to_rgb(array, "photo 7")


def test_what_opencv_cannot_decode_goes_to_pillow(monkeypatch):
    import cv2

    data = encoded(Image.fromarray(smooth()), "JPEG")
    expected = read_image(data)

    def fail(*_args):
        raise cv2.error("no")

    for decoder in (fail, lambda *_args: None, lambda *_args: np.zeros((3, 3, 3), np.uint8)):
        monkeypatch.setattr(cv2, "imdecode", decoder)
        np.testing.assert_array_equal(read_image(data), expected)


@each("channels", [3, 4])
def test_sixteen_bit_colour(channels):
    import cv2

    values = np.random.default_rng(0).integers(0, 65536, (9, 7, channels), dtype=np.uint16)
    values[..., 3:] = 65535
    data = cv2.imencode(".png", values)[1].tobytes()
    expected = values[..., 2::-1] / 257.0  # OpenCV writes blue, green, red
    assert np.abs(read_image(data) - expected).max() <= 1
