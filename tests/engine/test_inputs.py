"""What may be handed to `predict` and `inspect`, and what the answer to anything else says."""

import asyncio
import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tfseg.data.images.images import read_image
from tfseg.engine.inputs import read_items, read_one
from tfseg.errors import DataError
from tfseg.structures import Sample


def drawn(height=24, width=36):
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 7, y * 10, 255 - x * 7], -1).clip(0, 255).astype(np.uint8)


def file_of(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation):
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def pixels(images, channels=3):
    items, _ = read_items(images, channels)
    return [item.image for item in items]


def files():
    """Files of every kind whose numbers are not what is seen, by name."""
    rgb, rng = Image.fromarray(drawn()), np.random.default_rng(0)
    alpha = Image.fromarray(rng.integers(0, 256, (24, 36), dtype=np.uint8))
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE)
    deep = Image.fromarray(rng.integers(0, 65536, (24, 36), dtype=np.uint16))
    clear = rgb.copy()
    clear.putalpha(alpha)
    lab = ImageCms.buildTransform(*map(ImageCms.createProfile, ("sRGB", "LAB")), "RGB", "LAB")
    return {
        "palette": file_of(palette),
        "palette, transparent": file_of(palette, transparency=3),
        "one colour transparent": file_of(rgb, transparency=(7, 10, 248)),
        "RGBA": file_of(clear),
        "grey": file_of(rgb.convert("L")),
        "grey, alpha": file_of(clear.convert("LA")),
        "1 bit": file_of(rgb.convert("1")),
        "16 bits": file_of(deep),
        "CMYK JPEG": file_of(rgb.convert("CMYK"), "JPEG"),
        "CMYK TIFF": file_of(rgb.convert("CMYK"), "TIFF"),
        "YCbCr TIFF": file_of(rgb.convert("YCbCr"), "TIFF"),
        "LAB TIFF": file_of(ImageCms.applyTransform(rgb, lab), "TIFF"),
        "float TIFF": file_of(rgb.convert("F"), "TIFF"),
        "GIF of two": file_of(
            palette, "GIF", save_all=True, append_images=[palette.rotate(180)], transparency=2
        ),
        **{f"EXIF {n}": file_of(rgb, exif=exif(n)) for n in (2, 3, 6, 8)},
        "EXIF 5 JPEG": file_of(rgb, "JPEG", exif=exif(5)),
    }


@pytest.mark.parametrize("name", files())
def test_images_of_pillow_and_open_files_are_what_their_file_is(name, tmp_path):
    data = files()[name]
    path = tmp_path / "file"
    path.write_bytes(data)
    (expected,) = pixels(path)
    for given in (
        lambda: Image.open(io.BytesIO(data)),
        lambda: Image.open(path),
        lambda: io.BytesIO(data),
        lambda: open(path, "rb"),  # noqa: SIM115
        lambda: data,
        lambda: memoryview(data),
        lambda: np.frombuffer(data, np.uint8).tobytes(),
    ):
        for found in (*pixels(given()), *pixels([given()]), read_one(given()).image):
            np.testing.assert_array_equal(found, expected)
    grey = pixels(Image.open(path), channels=1) + pixels(path, channels=1)
    np.testing.assert_array_equal(*grey)


def test_modes_that_no_file_has():
    rgb = Image.fromarray(drawn())
    clear = rgb.convert("RGBA")
    clear.putpixel((0, 0), (9, 9, 9, 0))
    for image, most in (
        (rgb.convert("HSV"), 8),
        (clear.convert("RGBa"), 0),
        (rgb.convert("RGBX"), 0),
    ):
        (found,) = pixels(image)
        expected = drawn()
        if image.mode == "RGBa":
            expected[0, 0] = 255
        assert np.abs(found.astype(int) - expected).max() <= most, image.mode
    (found,) = pixels(clear.convert("LA").convert("La"))
    assert (found[0, 0] == 255).all()
    (found,) = pixels(rgb.convert("I;16").convert("I").point(lambda v: v * 257))
    np.testing.assert_array_equal(found[..., 0], np.asarray(rgb.convert("L")))


def test_an_image_that_was_worked_on_keeps_its_orientation_until_pillow_applies_it():
    from PIL import ImageOps

    stored = Image.open(io.BytesIO(file_of(Image.fromarray(drawn()), "JPEG", exif=exif(6))))
    for image in (stored.convert("RGB"), ImageOps.exif_transpose(stored)):
        np.testing.assert_array_equal(pixels(image)[0], pixels(stored)[0])


class Upload:
    """As Flask hands it over: reads, iterates over lines, has no more of a file."""

    filename = "photo of a cat.png"

    def __init__(self, data):
        self.stream = io.BytesIO(data)

    def read(self):
        return self.stream.read()

    def seek(self, place):
        self.stream.seek(place)

    def __iter__(self):
        return iter(self.stream)


class AsyncUpload(Upload):
    """As FastAPI does."""

    @property
    def file(self):
        return self.stream

    async def read(self):
        return self.stream.read()


class Body:
    """The answer of a server: read once, no way back."""

    def __init__(self, data):
        self.data = data

    def read(self):
        data, self.data = self.data, b""
        return data


def test_uploads_are_read_from_their_beginning():
    data = file_of(Image.fromarray(drawn()))
    written = io.BytesIO()
    Image.fromarray(drawn()).save(written, "PNG")  # stands at its end
    for file in (Upload(data), Body(data), written, written, AsyncUpload(data).file):
        np.testing.assert_array_equal(pixels(file)[0], drawn())
    found = pixels([Upload(data), Image.fromarray(drawn()), data, drawn()])
    assert len(found) == 4 and all((one == drawn()).all() for one in found)


def refusals():
    data, text = file_of(Image.fromarray(drawn())), io.StringIO("x")
    closed = io.BytesIO(data)
    closed.close()
    encoded = base64.b64encode(data).decode()
    lost = Image.open(closed_later := io.BytesIO(data))
    closed_later.close()
    return {
        "upload.file": AsyncUpload(data),
        "open(path, 'rb')": text,
        "closed file": closed,
        "closed before": lost,
        "no bytes left": io.BytesIO(),
        "expected bytes from read(), got int": type("R", (), {"read": lambda self: 3})(),
        "photo of a cat.png: expected an image": Upload(b"plain words"),
        "base64 text. Decode it first: pass base64.b64decode(text)": encoded,
        "base64 text. Decode it": encoded.encode(),
        "base64 text.": base64.encodebytes(file_of(Image.fromarray(drawn()), "JPEG")).decode(),
        "data URL. Decode it first: pass base64.b64decode(text.split": "data:image/png;base64,"
        + encoded,
        "got empty text": "",
        "this is no path": "x" * 3000,
        "there is no such file": "photos/data.png",
        "use array.transpose(1, 2, 0)": drawn().transpose(2, 0, 1),
        "pass list(array)": np.zeros((5, 24, 36), np.uint8),
        "pass list(array).": np.zeros((2, 24, 36), np.float32),
        "after array.transpose(0, 2, 3, 1)": np.zeros((2, 3, 24, 36), np.uint8),
        "pass array.tobytes()": np.frombuffer(data, np.uint8),
        "has 7": np.zeros((24, 36, 7), np.uint8),
        "of 16 bits are uint16": np.full((9, 9), 40000, np.int32),
        "Undo any mean subtraction": np.full((9, 9, 3), -1.0),
        "Pass numpy.array(...) of it": [drawn().tolist()],
        "NaN": np.full((9, 9, 3), np.nan, np.float32),
        ".astype('float32')": np.zeros((9, 9, 3), complex),
    }


@pytest.mark.parametrize("message", refusals())
@pytest.mark.parametrize("alone", [True, False])
def test_what_is_refused_has_its_remedy(message, alone):
    given = refusals()[message]
    with pytest.raises(DataError) as caught:
        pixels(given if alone else [given])
    assert message in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_list_of_batches_and_a_single_thing_that_is_none():
    with pytest.raises(DataError, match=r"image 1 of 1: .*pass list\(array\)"):
        pixels([np.zeros((1, 9, 9, 3), np.uint8)])
    with pytest.raises(DataError, match="an open file, an image of Pillow, an array"):
        pixels(3)


def test_tensors_of_other_libraries():
    class Tensor:
        """On a device that NumPy cannot look at."""

        shape, dtype = (9, 9, 3), "float32"

        def __array__(self, *args, **options):
            raise TypeError("can't convert cuda:0 device type tensor to numpy.")

    for given in (Tensor(), [Tensor()]):
        with pytest.raises(DataError, match=r"cuda:0.*tensor\.detach\(\)\.cpu\(\)"):
            pixels(given)
    import keras

    image = drawn().astype(np.float32) / 255
    for tensor in (keras.ops.convert_to_tensor(image), keras.ops.convert_to_tensor(image[None])):
        np.testing.assert_array_equal(pixels(tensor)[0], drawn())


def test_an_array_of_paths_is_a_list_and_the_names_are_theirs(tmp_path):
    for name in ("a", "b"):
        Image.fromarray(drawn()).save(tmp_path / f"{name}.png")
    items, count = read_items(np.array([str(tmp_path / "a.png"), str(tmp_path / "b.png")]))
    assert count == 2 and [item.image_id for item in items] == ["a", "b"]


def test_samples_refuse_images_of_pillow():
    with pytest.raises(DataError, match=r"tfseg\.data\.read_image\(image\)"):
        Sample(Image.fromarray(drawn()))
    assert Sample(read_image(Image.fromarray(drawn()))).size == (24, 36)


def test_no_coroutine_is_left_waiting(recwarn):
    with pytest.raises(DataError, match="await upload"):
        pixels(AsyncUpload(b""))

    class Wrapped:
        def read(self):
            return asyncio.sleep(0)

    with pytest.raises(DataError, match="await upload"):
        pixels(Wrapped())
    assert not [w for w in recwarn if "never awaited" in str(w.message)]


def test_a_path_object_is_read(tmp_path):
    Image.fromarray(drawn()).save(tmp_path / "a.png")
    assert read_one(Path(tmp_path / "a.png")).path == str(tmp_path / "a.png")
