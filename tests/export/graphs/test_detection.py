"""The graph does what predicting does: the same square, the same boxes."""

import numpy as np
import pytest
import tensorflow as tf

from tfseg.export.graphs.detection import DetectionGraph
from tfseg.geometry.matterport import MatterportResize
from tfseg.geometry.padded import PaddedResize
from tfseg.geometry.resize import SquareResize


def mirror(inputs, training):
    """A network that answers with the window as its only box, and passes the image on."""
    window = inputs["window"]
    ones = tf.ones_like(window[:, :1])
    rows = tf.stack(
        [
            tf.concat([window, ones, ones * 0.5], 1),
            tf.zeros_like(tf.concat([window, ones, ones], 1)),
        ],
        axis=1,
    )
    return {"detections": rows, "masks": tf.zeros((tf.shape(window)[0], 2, 28, 28))}


@pytest.mark.parametrize("fit_class", [SquareResize, MatterportResize])
def test_the_square_equals_that_of_the_data_room(fit_class):
    for sides in ((64, 64), (48, 64), (0, 64)):
        square_equals(fit_class, sides)


def square_equals(fit_class, sides):
    graph = DetectionGraph(mirror, ("thing",), *sides, exact=fit_class is MatterportResize)
    resize = fit_class(*sides)
    fit = tf.function(graph._fit, input_signature=[tf.TensorSpec((None, None, None, 3))])
    random = np.random.default_rng(1)
    sizes = [(1, 1), (64, 64), (1000, 10), (10, 1000), (63, 65), (300, 400)]
    sizes += [tuple(random.integers(1, 500, 2)) for _ in range(12)]
    for height, width in sizes:
        image = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
        plan = resize.plan((height, width))
        square, window, size = fit(image[None].astype(np.float32))
        assert tuple(window.numpy()) == plan.window and tuple(size.numpy()) == (height, width)
        np.testing.assert_array_equal(square[0], plan.image(image))
        boxes = np.array([[3, 5, 40.5, 60], [-4, 0, 90, 64]], np.float32)
        np.testing.assert_allclose(
            graph._undo(boxes[None], window[None], size[None])[0],
            plan.undo_boxes(boxes, clip=True),
            atol=1e-5 * max(height, width),
        )


def test_boxes_come_back_to_the_whole_picture_for_each_of_a_batch():
    graph = DetectionGraph(mirror, ("thing",), 64, 64)
    out = graph.from_images(np.zeros((3, 90, 40, 3), np.uint8))
    np.testing.assert_allclose(out["detection_boxes"][:, 0], [[0, 0, 90, 40]] * 3, atol=1e-4)
    np.testing.assert_array_equal(out["detection_boxes"][:, 1], 0)
    np.testing.assert_array_equal(out["detection_classes"], [[1, 0]] * 3)
    assert out["detection_class_names"].numpy().tolist() == [[b"thing", b""]] * 3
    assert out["num_detections"].numpy().tolist() == [1, 1, 1]


def test_pictures_of_different_sizes_in_one_batch_of_files():
    graph = DetectionGraph(mirror, ("thing",), 64, 64)
    files = [
        tf.io.encode_jpeg(np.zeros((h, w, 3), np.uint8)).numpy() for h, w in ((20, 30), (99, 7))
    ]
    out = graph.from_files(tf.constant(files))
    np.testing.assert_allclose(
        out["detection_boxes"][:, 0], [[0, 0, 20, 30], [0, 0, 99, 7]], atol=1e-4
    )


def test_what_scores_too_low_becomes_padding():
    graph = DetectionGraph(mirror, ("thing",), 64, 64, min_score=0.6)
    out = graph.from_images(np.zeros((1, 64, 64, 3), np.uint8))
    assert int(out["num_detections"][0]) == 0
    for name in ("boxes", "classes", "scores", "masks"):
        assert not np.any(out[f"detection_{name}"])


def test_a_padded_canvas_equals_that_of_the_data_room():
    fill, canvas = (123.675, 116.28, 103.53), (160, 160)
    graph = DetectionGraph(mirror, ("thing",), 64, 150, canvas=canvas, fill=fill)
    resize = PaddedResize(64, 150, canvas=canvas, fill=fill)
    fit = tf.function(graph._fit, input_signature=[tf.TensorSpec((None, None, None, 3))])
    random = np.random.default_rng(2)
    sizes = [(1, 1), (64, 64), (300, 10), (10, 300), (49, 65), (300, 400)]
    for height, width in sizes:
        image = random.integers(0, 256, (height, width, 3)).astype(np.float32)
        plan = resize.plan((height, width))
        padded, window, size = fit(image[None])
        assert tuple(window.numpy()) == plan.window and tuple(size.numpy()) == (height, width)
        np.testing.assert_allclose(padded[0], plan.image(image), atol=2e-2)
    out = graph.from_images(np.zeros((1, 90, 40, 3), np.uint8))
    np.testing.assert_allclose(out["detection_boxes"][0, 0], [0, 0, 90, 40], atol=1e-4)
