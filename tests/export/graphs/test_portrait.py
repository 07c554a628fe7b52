"""The graph does what predicting does: the same input, the same classes, the same opacity."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfseg.export.decoding import decoded
from tfseg.export.graphs.portrait import SegmentationGraph
from tfseg.geometry.proportional import ImageFit
from tfseg.models.portrait.decode import decode
from tfseg.models.portrait.edges import SeenPlan

NAMES = ("person", "dog", "cat")
SIZES = ((40, 60), (61, 47), (1, 1), (5, 200), (96, 96))


def colours(inputs, training=False):
    """A network whose logits are the colours and their opposite, in whatever size comes in."""
    x = inputs["image"] / 20.0
    return {"logits": tf.concat([7.0 + 0.0 * x[..., :1], x[..., :2], 9.0 - x[..., 2:]], -1)}


def picture(height, width, seed=0):
    """Smooth colours: what a fit to another size leaves alike."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def expected(image, fit, refine=False):
    plan = fit.predict_plan(image.shape[:2])
    logits = colours({"image": tf.constant(plan.image(image)[None], tf.float32)})["logits"][0]
    plan = SeenPlan.of(plan, image, plan.image(image)) if refine else plan
    return decode(logits.numpy(), plan, class_names=NAMES).label_maps


def graph_of(fit, **options):
    return SegmentationGraph(colours, fit.canvas, fit.kind, fit.limit, classes=4, **options)


@pytest.mark.parametrize("kind", ["proportional", "letterbox", "stretch", "native"])
def test_the_plan_is_that_of_predicting(kind):
    random = np.random.default_rng(0)
    sizes = [(1, 1), (1000, 10), (10, 10000), (6000, 4000), (63, 65), (75, 45), (32, 32)]
    sizes += [tuple(random.integers(1, 3000, 2).tolist()) for _ in range(60)]
    for canvas in ((64, 64), (192, 256), (101, 37)):
        fit = ImageFit(canvas, kind, 300)
        graph = graph_of(fit)
        plan = tf.function(graph._plan, input_signature=[tf.TensorSpec((2,), tf.int32)])
        for size in sizes:
            found = plan(tf.constant(size, tf.int32))[0].numpy()
            assert tuple(found) == fit.predict_plan(size).resized, (canvas, size)


@pytest.mark.parametrize("refine", [False, True])
@pytest.mark.parametrize("kind", ["proportional", "letterbox", "stretch", "native"])
def test_pixels_are_those_of_predict(kind, refine):
    fit = ImageFit((64, 96), kind, 80)
    spec = tf.TensorSpec((None, None, None, 3), tf.uint8)
    graph = graph_of(fit, refine_edges=refine)
    traced = tf.function(graph.from_images, input_signature=[spec])
    for size in SIZES:
        image = picture(*size)
        wanted = expected(image, fit, refine)
        found = traced(np.stack([image, image[::-1]]))
        assert found["classes"].dtype == found["alpha"].dtype == tf.uint8
        assert found["classes"].shape == found["alpha"].shape == (2, *size)
        # Logits are equal to the last bits: what differs lies on a border or between two steps.
        assert np.mean(found["classes"][0] != wanted["classes"]) <= 0.001
        difference = np.abs(found["alpha"][0].numpy().astype(int) - wanted["alpha"])
        assert difference.max() <= 1 and difference.mean() <= 0.01
    assert len(np.unique(wanted["classes"])) == 4 and np.ptp(wanted["alpha"]) > 200


@pytest.mark.parametrize("refine", [False, True])
def test_probabilities_sum_to_one_and_agree(refine):
    graph = graph_of(ImageFit((64, 64)), probabilities=True, refine_edges=refine)
    found = graph.from_images(picture(50, 70)[None].astype(np.float32))
    shares = found["probabilities"].numpy()
    assert shares.shape == (1, 50, 70, 4)
    np.testing.assert_allclose(shares.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(255 * (1 - shares[..., 0]), found["alpha"], atol=0.51)
    np.testing.assert_array_equal(np.argmax(shares, -1), found["classes"])


def encoded(array, form, **options):
    file = io.BytesIO()
    Image.fromarray(array).save(file, form, **options)
    return file.getvalue()


def test_files_of_different_sizes_in_one_batch():
    fit = ImageFit((64, 64))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = picture(30, 50, 1)
    files = [
        encoded(np.rot90(upright), "JPEG", quality=95, subsampling=0, exif=exif),
        encoded(picture(21, 9, 2), "PNG"),
    ]
    found = graph_of(fit).from_files(tf.constant(files))
    for row, size in enumerate(((30, 50), (21, 9))):
        image = decoded(tf.constant(files[row])).numpy()
        assert image.shape[:2] == size
        wanted = expected(image, fit)
        for name in ("classes", "alpha"):
            png = np.asarray(Image.open(io.BytesIO(found[f"{name}_png_bytes"][row].numpy())))
            assert png.dtype == np.uint8 and png.shape == size
            assert np.mean(png != wanted[name]) <= 0.01
    assert np.abs(decoded(tf.constant(files[0])).numpy().astype(int) - upright).mean() < 4


def test_a_transparent_picture_is_laid_on_white_as_in_predicting():
    from tfseg.data.images.images import read_image

    random = np.random.default_rng(0).integers(0, 256, (5, 7, 4)).astype(np.uint8)
    for array in (random, random[..., :3], random[..., 0]):
        png = encoded(array, "PNG")
        np.testing.assert_array_equal(decoded(tf.constant(png)), read_image(png))


def test_a_file_of_another_kind_is_told():
    stored = io.BytesIO()
    Image.new("RGB", (8, 6)).save(stored, "WEBP")
    for content in (stored.getvalue(), b"no image", b""):
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected JPEG, PNG, GIF or BMP"):
            decoded(tf.constant(content))
