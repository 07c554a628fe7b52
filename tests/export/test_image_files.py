"""What a client may send is answered or refused for itself, with a sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfseg.export.image_files import checked_pixels, opened, without_broken

IMAGE = np.random.default_rng(0).integers(0, 255, (40, 30, 3)).astype(np.uint8)


def encoded(kind, **options):
    file = io.BytesIO()
    Image.fromarray(IMAGE).save(file, kind, **options)
    return file.getvalue()


def claiming(width, height):
    """A PNG whose header states a size that it does not have."""
    png = encoded("PNG")
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


@pytest.fixture(scope="module")
def graph():
    """The whole batch goes through one call, as in a server."""

    def each(files):
        spec = (tf.TensorSpec((2,), tf.int32), tf.TensorSpec((), tf.string))

        def one(file):
            image, error = opened(file, 2000)
            return tf.shape(image)[:2], error

        sizes, errors = tf.map_fn(one, files, fn_output_signature=spec)
        return without_broken({"sizes": sizes, "names": tf.fill(tf.shape(errors), "x")}, errors)

    return tf.function(each, input_signature=[tf.TensorSpec((None,), tf.string)])


def test_each_broken_file_says_why_and_the_others_are_answered(graph):
    sound = [encoded(kind) for kind in ("PNG", "JPEG", "GIF", "BMP")]
    png, jpeg, gif, bmp = sound
    wide = io.BytesIO()
    Image.new("RGB", (50, 41)).save(wide, "JPEG")
    broken = {
        b"": "got none",
        b"just some text": "convert WebP, TIFF and others first",
        encoded("WEBP"): "convert WebP, TIFF and others first",
        encoded("TIFF"): "convert WebP, TIFF and others first",
        claiming(20000, 20000): "more than 2000 pixels",
        claiming(2**32 - 1, 2**32 - 1): "more than 2000 pixels",
        claiming(0, 40): "cut off or damaged",
        wide.getvalue(): "more than 2000 pixels",
        png[: len(png) // 2]: "cut off or damaged",
        jpeg[: len(jpeg) // 2]: "cut off or damaged",
        gif[:30]: "cut off or damaged",
        bmp[: len(bmp) // 2]: "complete BMP",
        png[:8]: "cut off or damaged",
        jpeg[:3]: "cut off or damaged",
    }
    files = [file for pair in zip(broken, sound * 4) for file in pair]
    found = {name: value.numpy() for name, value in graph(tf.constant(files)).items()}
    errors = [text.decode() for text in found["error"]]
    for text, words in zip(errors[::2], broken.values()):
        assert words in text, errors[::2]
    assert not any(errors[1::2]) and (found["sizes"][1::2] == (40, 30)).all()
    assert not found["sizes"][::2].any() and not any(found["names"][::2])


def test_arrays_are_taken_as_predict_takes_them():
    from tfseg.data.images.images import to_rgb

    shares = IMAGE.astype(np.float32) / 300.0
    both = np.stack([shares, IMAGE.astype(np.float32)])
    found, errors = checked_pixels(tf.constant(both))
    np.testing.assert_array_equal(found[0], to_rgb(shares))
    np.testing.assert_array_equal(found[1], IMAGE)
    np.testing.assert_array_equal(checked_pixels(tf.constant(IMAGE[None]))[0][0], IMAGE)
    assert not any(errors.numpy()) and checked_pixels(tf.zeros((0, 4, 4, 3)))[1].shape == (0,)
    for wrong, words in (
        (np.zeros((1, 0, 4, 3), np.uint8), "at least one pixel"),
        (np.zeros((1, 60, 60, 3), np.float32), "more than 2000 pixels"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            checked_pixels(tf.constant(wrong), 2000)


def test_values_that_no_image_has_are_an_error_of_that_array_alone():
    wrong = {
        np.nan: "NaN or infinity",
        np.inf: "NaN or infinity",
        -1.0: "between 0 and 255 (or 0 and 1), got -1.0",
        256.0: "got 7.000000 to 256.000000",
        1.0625: "fractions beyond 1",
    }
    batch = np.full((2 * len(wrong), 4, 4, 3), 7, np.float32)
    batch[-2] = 0.5
    batch[::2, 1, 2, 0] = list(wrong)
    images, errors = checked_pixels(tf.constant(batch))
    errors = [text.decode() for text in errors.numpy()]
    for text, words in zip(errors[::2], wrong.values(), strict=True):
        assert words in text, errors
    assert not any(errors[1::2])
    assert (images[1::2].numpy() == 7).all() and not images[::2].numpy().any()
