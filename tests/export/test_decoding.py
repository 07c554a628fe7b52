"""Encoded files in a graph, to the pixels that `predict` reads."""

import io

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfseg.data.images.images import read_image
from tfseg.export.decoding import DIFFERENCES, decoded

Y, X = np.mgrid[:24, :36]
RGB = np.stack([X * 7, Y * 10, 255 - X * 7], -1).clip(0, 255).astype(np.uint8)


def files() -> dict[str, bytes]:
    """Every kind of file that the graph promises to read."""
    rgb, rng = Image.fromarray(RGB), np.random.default_rng(0)
    clear, grey = rgb.copy(), rgb.convert("L")
    clear.putalpha(Image.fromarray(rng.integers(0, 256, (24, 36), dtype=np.uint8)))

    def palette(colours=256):
        return rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=colours)

    def exif(value):
        found = Image.Exif()
        found[0x0112] = value
        return {"exif": found}

    many = {"save_all": True, "append_images": [palette().rotate(180), palette()]}
    made = {
        "png": (rgb, "PNG", {}),
        "png, grey": (grey, "PNG", {}),
        "png, grey and alpha": (clear.convert("LA"), "PNG", {}),
        "png, alpha": (clear, "PNG", {}),
        "png, 1 bit": (rgb.convert("1"), "PNG", {}),
        "png, one colour clear": (rgb, "PNG", {"transparency": (7, 10, 248)}),
        "png, one grey clear": (grey, "PNG", {"transparency": 100}),
        "png, palette, one clear": (palette(), "PNG", {"transparency": 3}),
        "jpeg": (rgb, "JPEG", {}),
        "jpeg, grey": (grey, "JPEG", {}),
        "jpeg, CMYK": (rgb.convert("CMYK"), "JPEG", {}),
        "jpeg, progressive": (rgb, "JPEG", {"progressive": True}),
        "gif": (palette(), "GIF", {}),
        "gif of three": (palette(), "GIF", many),
        "bmp, 24": (rgb, "BMP", {}),
        "bmp, 32": (clear, "BMP", {}),
        "bmp, palette": (palette(200), "BMP", {}),
        "bmp, grey": (grey, "BMP", {}),
    }
    for bits in (1, 2, 4, 8):
        made[f"png, palette of {bits} bits"] = (palette(2**bits), "PNG", {"bits": bits})
    for value in (2, 3, 6, 8):
        made[f"png, EXIF {value}"] = (rgb, "PNG", exif(value))
        made[f"jpeg, EXIF {value}"] = (rgb, "JPEG", exif(value))
    found = {}
    for name, (image, kind, options) in made.items():
        file = io.BytesIO()
        image.save(file, kind, **options)
        found[name] = file.getvalue()
    for channels, name in ((1, "grey"), (3, "colour"), (4, "alpha")):
        deep = rng.integers(0, 65536, (24, 36, channels)).astype(np.uint16)
        found[f"png, 16 bits, {name}"] = cv2.imencode(".png", deep)[1].tobytes()
    upside = bytearray(found["bmp, palette"])
    upside[22:26] = (-24).to_bytes(4, "little", signed=True)
    return {**found, "bmp, rows from the top": bytes(upside)}


@pytest.fixture(scope="module")
def graph():
    return tf.function(decoded, input_signature=[tf.TensorSpec((), tf.string)])


def test_the_graph_reads_what_predict_reads(graph):
    wrong = {}
    for name, data in files().items():
        expected, found = read_image(data).astype(int), graph(tf.constant(data)).numpy()
        if expected.shape != found.shape or np.abs(expected - found).max() > 0:
            wrong[name] = (expected.shape, found.shape)
    assert not wrong


def test_what_it_does_not_read_is_refused_with_a_sentence_and_stands_in_the_differences(graph):
    for kind, mode in (("WEBP", "RGB"), ("TIFF", "RGB"), ("BMP", "1")):
        file = io.BytesIO()
        Image.fromarray(RGB).convert(mode).save(file, kind)
        with pytest.raises(tf.errors.InvalidArgumentError, match="convert (WebP|it first)"):
            graph(tf.constant(file.getvalue()))
        assert {"WEBP": "WebP"}.get(kind, kind) in DIFFERENCES


def test_what_a_gif_leaves_clear_is_black_as_the_differences_say(graph):
    image = Image.fromarray(RGB).convert("P", palette=Image.Palette.ADAPTIVE)
    file = io.BytesIO()
    image.save(file, "GIF", transparency=3)
    expected, found = read_image(file.getvalue()), graph(tf.constant(file.getvalue())).numpy()
    differs = (expected != found).any(axis=-1)
    assert differs.any() and (expected[differs] == 255).all() and (found[differs] == 0).all()
    assert "transparent in a GIF" in DIFFERENCES
