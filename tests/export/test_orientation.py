import io

import numpy as np
import tensorflow as tf
from PIL import Image

from tfseg.data.images.images import read_image
from tfseg.export.orientation import orientation, turned

PICTURE = (
    np.random.default_rng(0)
    .integers(0, 255, (5, 9, 3))
    .astype(np.uint8)
    .repeat(16, 0)
    .repeat(16, 1)
)


def jpeg(exif=None, **options):
    file = io.BytesIO()
    options = {"exif": exif, **options} if exif is not None else options
    Image.fromarray(PICTURE).save(file, "JPEG", quality=98, subsampling=0, **options)
    return file.getvalue()


def exif_of(value, more=()):
    exif = Image.Exif()
    for tag, content in more:
        exif[tag] = content
    exif[0x0112] = value
    return exif


def test_all_orientations_agree_with_the_reader_of_images():
    for value in range(1, 9):
        for more in ((), ((0x010F, "Maker"), (0x0110, "Model"), (0x0100, 80))):
            encoded = jpeg(exif_of(value, more))
            assert int(orientation(tf.constant(encoded))) == value
            raw = tf.io.decode_jpeg(encoded, dct_method="INTEGER_ACCURATE")
            ours, theirs = turned(raw, tf.constant(encoded)).numpy(), read_image(encoded)
            assert ours.shape == theirs.shape
            assert np.abs(ours.astype(int) - theirs).mean() < 1.0


def test_both_byte_orders():
    def block(order, mark):
        entry = (0x0112).to_bytes(2, order) + (3).to_bytes(2, order) + (1).to_bytes(4, order)
        entry += (6).to_bytes(2, order) + b"\0\0"
        tiff = mark + (42).to_bytes(2, order) + (8).to_bytes(4, order)
        return b"Exif\0\0" + tiff + (1).to_bytes(2, order) + entry + b"\0\0\0\0"

    for order, mark in (("big", b"MM"), ("little", b"II")):
        assert int(orientation(tf.constant(jpeg(block(order, mark))))) == 6


def test_pictures_without_a_sensible_tag_stay_as_they_are():
    png = io.BytesIO()
    Image.fromarray(PICTURE).save(png, "PNG", exif=exif_of(77))
    broken = b"\xff\xd8" + b"Exif\0\0" + b"\xff" * 40
    for encoded in (jpeg(), jpeg(exif_of(77)), jpeg(exif_of(0)), png.getvalue(), broken, b""):
        assert int(orientation(tf.constant(encoded))) == 1


def test_a_png_has_its_own_chunk_wherever_it_stands():
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "PNG", exif=exif_of(6))
    data = file.getvalue()
    assert int(orientation(tf.constant(data))) == 6
    start = data.index(b"eXIf") - 4
    size = 12 + int.from_bytes(data[start : start + 4], "big")
    chunk, rest = data[start : start + size], data[:start] + data[start + size :]
    assert int(orientation(tf.constant(rest))) == 1
    assert int(orientation(tf.constant(rest[:-12] + chunk + rest[-12:]))) == 6  # before the end
    content = chunk[8:-4]
    again = b"Exif\0\0" + content
    marked = len(again).to_bytes(4, "big") + b"eXIf" + again + chunk[-4:]
    assert int(orientation(tf.constant(data[:start] + marked + data[start + size :]))) == 6
    for cut in (9, start + 6, start + 30):
        assert int(orientation(tf.constant(data[:cut]))) in (1, 6)
    endless = data[:start] + b"\xff\xff\xff\xff" + data[start + 4 :]
    assert int(orientation(tf.constant(endless))) in (1, 6)
