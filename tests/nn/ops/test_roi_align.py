"""RoIAlign against slow loops that follow the two definitions sample by sample."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.ops.boxes import normalize
from tfseg.nn.ops.roi_align import crop_and_resize, roi_align, roi_levels

METHODS = ("products", "gather")
MATTERPORT = dict(units="normalized", points="corners", level_rule="round")
ALIGNED = dict(units="normalized", points=2, half_pixel=True, level_rule="round")
TORCHVISION = dict(units="pixels", points=2, half_pixel=False, level_rule="floor")
named = {"ids": lambda given: given["points"]}


def bilinear(feature, y, x):
    """Returns the value between four cells; the caller made sure it lies on the map."""
    top, left = int(np.floor(y)), int(np.floor(x))
    bottom, right = min(top + 1, len(feature) - 1), min(left + 1, feature.shape[1] - 1)
    v, u = y - top, x - left
    upper = (1 - u) * feature[top, left] + u * feature[top, right]
    lower = (1 - u) * feature[bottom, left] + u * feature[bottom, right]
    return (1 - v) * upper + v * lower


def slow_crop(feature, box, size):
    """`tf.image.crop_and_resize` with extrapolation value 0: one sample a bin, on the corners."""
    height, width = feature.shape[:2]
    out = np.zeros((size, size, *feature.shape[2:]))
    for i in range(size):
        for j in range(size):
            if size > 1:
                y = (box[0] + (box[2] - box[0]) * i / (size - 1)) * (height - 1)
                x = (box[1] + (box[3] - box[1]) * j / (size - 1)) * (width - 1)
            else:
                y = 0.5 * (box[0] + box[2]) * (height - 1)
                x = 0.5 * (box[1] + box[3]) * (width - 1)
            if 0 <= y <= height - 1 and 0 <= x <= width - 1:
                out[i, j] = bilinear(feature, y, x)
    return out


def slow_aligned(feature, box, size, image_size):
    """torchvision's `roi_align(aligned=True, sampling_ratio=2)` of a normalised box."""
    height, width = feature.shape[:2]
    scale = height / image_size[0], width / image_size[1]
    y1, x1 = (box[k] * (image_size[k] - 1) * scale[k] - 0.5 for k in (0, 1))
    y2, x2 = ((box[k + 2] * (image_size[k] - 1) + 1) * scale[k] - 0.5 for k in (0, 1))
    out = np.zeros((size, size, feature.shape[2]))
    for i in range(size):
        for j in range(size):
            for a in (0.25, 0.75):
                for b in (0.25, 0.75):
                    y, x = y1 + (i + a) * (y2 - y1) / size, x1 + (j + b) * (x2 - x1) / size
                    if -1 <= y <= height and -1 <= x <= width:
                        y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
                        out[i, j] += bilinear(feature, y, x) / 4
    return out


def slow_level(box, image_size):
    root = np.sqrt(max((box[2] - box[0]) * (box[3] - box[1]), 0))
    if root == 0:
        return 2
    level = 4 + np.round(np.log2(root / (224 / np.sqrt(image_size[0] * image_size[1]))))
    return int(np.clip(level, 2, 5))


SIZE = (256, 192)


def case(seed=0, depth=3):
    """Returns features of four levels and boxes of every kind, for an image of 256 x 192."""
    random = np.random.default_rng(seed)
    features = [
        random.standard_normal((2, SIZE[0] >> k, SIZE[1] >> k, depth)).astype(np.float32)
        for k in (3, 4, 5, 6)  # half the usual size, to be quick
    ]
    boxes = np.float32(
        [
            [10, 10, 40, 50],
            [0, 0, 256, 192],
            [100, 20, 230, 180],
            [-90, -80, 330, 280],
            [-30, -20, 60, 70],
            [200, 150, 300, 260],
            [300, 300, 400, 400],
            [7.3, 9.1, 8.2, 9.9],
            [250, 185, 256, 192],
        ]
    )
    boxes = normalize(boxes, SIZE)
    boxes = np.concatenate([boxes, np.zeros((2, 4), np.float32), [[0.2, 0.2, 0.2, 0.6]]])
    return features, np.stack([boxes, boxes[::-1]]).astype(np.float32)


def test_the_case_uses_every_level():
    assert {slow_level(box, SIZE) for box in case()[1][0]} == {2, 3, 4, 5}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("settings", [MATTERPORT, ALIGNED], **named)
@pytest.mark.parametrize("size", [1, 4])
def test_against_a_loop(method, settings, size):
    features, boxes = case()
    ours = roi_align(features, boxes, SIZE, size, method=method, **settings)
    ours = ops.convert_to_numpy(ours)
    assert ours.shape == (2, 12, size, size, 3)
    for b in range(2):
        for n, box in enumerate(boxes[b].astype(np.float64)):
            feature = features[slow_level(box, SIZE) - 2][b].astype(np.float64)
            if settings is MATTERPORT:
                expected = slow_crop(feature, box, size)
            else:
                expected = slow_aligned(feature, box, size, SIZE)
            np.testing.assert_allclose(ours[b, n], expected, atol=2e-4, err_msg=f"box {n}")


@pytest.mark.parametrize("method", METHODS)
def test_a_box_over_the_whole_map_is_the_map(method):
    feature = np.random.default_rng(0).random((1, 7, 7, 2)).astype(np.float32)
    boxes = np.float32([[[0, 0, 1, 1]]])
    ours = roi_align([feature], boxes, (28, 28), 7, method=method, **MATTERPORT)
    np.testing.assert_allclose(ops.convert_to_numpy(ours)[0, 0], feature[0], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_box_that_ends_on_the_border_keeps_its_last_row(method):
    # start + (end - start) * 1 is 1.0000001 for a share of random starts.
    random = np.random.default_rng(0)
    start = random.random((1, 400, 2)).astype(np.float32)
    boxes = np.concatenate([start, np.ones_like(start)], axis=-1)
    feature = np.ones((1, 32, 32, 1), np.float32)
    ours = roi_align([feature], boxes, (128, 128), 7, method=method, **MATTERPORT)
    np.testing.assert_allclose(ops.convert_to_numpy(ours), 1, atol=1e-5)


def test_no_boxes():
    features, boxes = case()
    for method in METHODS:
        ours = roi_align(features, boxes[:, :0], SIZE, 4, method=method, **MATTERPORT)
        assert ops.convert_to_numpy(ours).shape == (2, 0, 4, 4, 3)


@pytest.mark.parametrize(
    "settings", [MATTERPORT, ALIGNED, TORCHVISION, dict(points="adaptive")], **named
)
@pytest.mark.parametrize("method", METHODS)
def test_a_box_that_is_nan_gives_nan_and_leaves_the_others(method, settings):
    # A training that diverges gets this far, and must reach the check of its loss.
    features, boxes = case()
    broken = np.array(boxes, np.float32)
    broken[:, 1] = np.nan
    found = [
        ops.convert_to_numpy(roi_align(features, given, SIZE, 3, method=method, **settings))
        for given in (boxes, broken)
    ]
    assert np.isnan(found[1][:, 1]).all()
    np.testing.assert_array_equal(np.delete(found[1], 1, axis=1), np.delete(found[0], 1, axis=1))


def value_and_gradients(function, inputs):
    """Returns a scalar and its gradients by each input, on whichever backend runs."""
    if keras.backend.backend() == "jax":
        import jax

        compiled = jax.jit(jax.value_and_grad(function))
        value, gradients = compiled([ops.convert_to_tensor(x) for x in inputs])
        return float(value), [np.asarray(g) for g in gradients]
    import tensorflow as tf

    variables = [tf.Variable(x) for x in inputs]
    with tf.GradientTape() as tape:
        value = function([v.value() for v in variables])
    return float(value), [g.numpy() for g in tape.gradient(value, variables)]


@pytest.mark.parametrize("settings", [MATTERPORT, ALIGNED], **named)
def test_gradients_of_both_methods_agree_with_each_other_and_with_differences(settings):
    features, boxes = case(depth=2)
    weight = np.random.default_rng(1).standard_normal((2, 12, 3, 3, 2)).astype(np.float32)

    def loss(method):
        def scalar(maps):
            pooled = roi_align(maps, boxes, SIZE, 3, method=method, **settings)
            return ops.sum(pooled * weight)

        return scalar

    value, products = value_and_gradients(loss("products"), features)
    other, gather = value_and_gradients(loss("gather"), features)
    assert value == pytest.approx(other, rel=1e-4)
    for a, b in zip(products, gather):
        np.testing.assert_allclose(a, b, atol=1e-4)
    # The function is linear in the features: a difference of any step is exact.
    random = np.random.default_rng(2)
    step = [random.standard_normal(f.shape).astype(np.float32) for f in features]
    moved, _ = value_and_gradients(loss("gather"), [f + s for f, s in zip(features, step)])
    slope = sum(float((g * s).sum()) for g, s in zip(gather, step))
    assert moved - value == pytest.approx(slope, rel=1e-3, abs=1e-2)


def test_no_gradient_flows_to_the_boxes():
    features, boxes = case(depth=1)

    def scalar(inputs):
        pooled = roi_align(features, inputs[0], SIZE, 3, method="products", **MATTERPORT)
        return ops.sum(pooled) + ops.sum(inputs[0]) * 2.0

    _, (gradient,) = value_and_gradients(scalar, [boxes])
    np.testing.assert_allclose(gradient, 2.0)


def test_half_precision_features_keep_their_dtype():
    features, boxes = case()
    half = [ops.cast(f, "bfloat16") for f in features]
    for method in METHODS:
        settings = dict(method=method, **MATTERPORT)
        ours = roi_align(half, boxes, SIZE, 3, **settings)
        assert keras.backend.standardize_dtype(ours.dtype) == "bfloat16"
        exact = ops.convert_to_numpy(roi_align(features, boxes, SIZE, 3, **settings))
        np.testing.assert_allclose(
            ops.convert_to_numpy(ops.cast(ours, "float32")), exact, atol=0.06
        )


@pytest.mark.parametrize(
    ("pixels", "side", "level"), [(64, 512, 2), (112, 1024, 3), (224, 1024, 4), (448, 1024, 5)]
)
def test_levels_of_the_specification(pixels, side, level):
    box = np.float32([[0, 0, pixels / side, pixels / side]])
    assert ops.convert_to_numpy(roi_levels(box, (side, side))).tolist() == [level]


def test_levels_against_numpy_and_their_limits():
    random = np.random.default_rng(3)
    corner = random.uniform(0, 0.5, (200, 2))
    boxes = np.concatenate([corner, corner + random.uniform(0, 1, (200, 2)) ** 3], 1)
    boxes = boxes.astype(np.float32)
    boxes[:3] = [[0, 0, 0, 0], [0.5, 0.5, 0.5, 0.9], [0, 0, 50, 50]]
    ours = ops.convert_to_numpy(roi_levels(boxes, (512, 384)))
    exact = np.array([slow_level(box.astype(np.float64), (512, 384)) for box in boxes])
    assert ours.dtype == np.int32
    np.testing.assert_array_equal(ours, exact)
    assert ours[0] == ours[1] == 2 and ours[2] == 5


@pytest.mark.parametrize("size", [1, 2, 28])
def test_crop_and_resize_against_a_loop(size):
    random = np.random.default_rng(4)
    images = random.random((3, 9, 7)).astype(np.float32)
    boxes = np.float32([[0.1, 0.2, 0.9, 0.7], [-0.5, 0, 0.5, 1.5], [0, 0, 0, 0]])
    ours = ops.convert_to_numpy(crop_and_resize(images, boxes, size))
    for image, box, crop in zip(images, boxes.astype(np.float64), ours):
        np.testing.assert_allclose(crop, slow_crop(image.astype(np.float64), box, size), atol=1e-5)


def test_crop_and_resize_is_tensorflows():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("compares with tf.image")
    import tensorflow as tf

    random = np.random.default_rng(5)
    images = random.random((20, 11, 13)).astype(np.float32)
    boxes = random.uniform(-0.3, 1.3, (20, 4)).astype(np.float32)
    theirs = tf.image.crop_and_resize(images[..., None], boxes, np.arange(20), (6, 6))
    ours = crop_and_resize(images, boxes, 6)
    np.testing.assert_allclose(ours, theirs[..., 0], atol=1e-5)


def slow_unaligned(feature, box, size, stride):
    """torchvision's `roi_align(aligned=False, sampling_ratio=2)` of a box in pixels."""
    height, width = feature.shape[:2]
    y1, x1, y2, x2 = (v / stride for v in box)
    rows, columns = max(y2 - y1, 1) / size, max(x2 - x1, 1) / size
    out = np.zeros((size, size, feature.shape[2]))
    for i in range(2 * size):
        for j in range(2 * size):
            y, x = y1 + (i + 0.5) / 2 * rows, x1 + (j + 0.5) / 2 * columns
            if -1 <= y <= height and -1 <= x <= width:
                y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
                out[i // 2, j // 2] += bilinear(feature, y, x) / 4
    return out


@pytest.mark.parametrize("method", METHODS)
def test_unaligned_sampling_against_a_loop(method):
    features, _ = case()
    boxes = np.float32(
        [
            [[10, 10, 40, 50], [0, 0, 256, 192], [-30, -20, 600, 500], [300, 300, 400, 400]],
            [[7.3, 9.1, 7.9, 9.9], [250, 185, 256, 192], [0, 0, 0, 0], [30, 5, 150, 170]],
        ]
    )
    ours = roi_align(features, boxes, SIZE, 3, method=method, **TORCHVISION)
    ours = ops.convert_to_numpy(ours)
    for b in range(2):
        for n, box in enumerate(boxes[b].astype(np.float64)):
            root = np.sqrt(np.prod(box[2:] - box[:2]))
            level = 2 if root == 0 else int(np.clip(np.floor(4 + np.log2(root / 224)), 2, 5))
            feature = features[level - 2][b].astype(np.float64)
            expected = slow_unaligned(feature, box, 3, SIZE[0] / len(feature))
            np.testing.assert_allclose(ours[b, n], expected, atol=2e-4, err_msg=f"box {n}")


def test_a_box_of_exactly_224_is_of_level_4_and_one_just_below_of_level_3():
    sides = np.float32([0, 56, 111.9, 112, 223.9, 224, 447.9, 448, 5000])
    boxes = np.stack([sides * 0, sides * 0, sides, sides], axis=1)
    levels = ops.convert_to_numpy(roi_levels(boxes, SIZE, units="pixels", rule="floor"))
    assert levels.tolist() == [2, 2, 2, 3, 3, 4, 4, 5, 5]


def slow_bins(feature, box, size, stride, points, half_pixel):
    """torchvision's `roi_align` of a box in pixels; `points` None is its sampling_ratio=0."""
    height, width = feature.shape[:2]
    y1, x1, y2, x2 = (v / stride - 0.5 * half_pixel for v in box)
    rows, columns = ((y2 - y1) / size, (x2 - x1) / size)
    if not half_pixel:
        rows, columns = max(rows, 1 / size), max(columns, 1 / size)
    down, right = (points or max(int(np.ceil(bin)), 1) for bin in (rows, columns))
    out = np.zeros((size, size, feature.shape[2]))
    for i, j, a, b in np.ndindex(size, size, down, right):
        y, x = y1 + (i + (a + 0.5) / down) * rows, x1 + (j + (b + 0.5) / right) * columns
        if -1 <= y <= height and -1 <= x <= width:
            y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
            out[i, j] += bilinear(feature, y, x) / (down * right)
    return out


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("units", ["pixels", "normalized"])
@pytest.mark.parametrize(
    ("points", "half_pixel"), [(1, True), (3, False), ("adaptive", True), ("adaptive", False)]
)
def test_points_and_units_are_settings_of_their_own(method, units, points, half_pixel):
    """Bins of up to eight cells on one axis, of one on the other."""
    features, _ = case()
    boxes = [[10, 10, 40, 50], [0, 0, 256, 192], [100, 20, 130, 190], [20.5, 3, 190, 30.25]]
    boxes = np.float32([boxes, boxes[::-1]])
    given = normalize(boxes, SIZE) if units == "normalized" else boxes
    settings = dict(units=units, points=points, half_pixel=half_pixel, method=method)
    ours = ops.convert_to_numpy(roi_align(features, given, SIZE, 3, **settings))
    for b, n in np.ndindex(2, 4):
        box = boxes[b, n].astype(np.float64)
        root = np.sqrt(np.prod(box[2:] - box[:2]))
        level = int(np.clip(np.floor(4 + np.log2(root / 224)), 2, 5)) - 2
        each = None if points == "adaptive" else points
        feature, stride = features[level][b].astype(np.float64), 8 << level
        expected = slow_bins(feature, box, 3, stride, each, half_pixel)
        np.testing.assert_allclose(ours[b, n], expected, atol=2e-4, err_msg=f"box {n}")


@pytest.mark.parametrize("rule", ["floor", "round"])
def test_the_level_of_a_box_hardly_depends_on_its_units(rule):
    corner = np.random.default_rng(6).uniform(0, 400, (300, 2))
    sides = np.random.default_rng(7).uniform(10, 600, (300, 2))
    boxes = np.concatenate([corner, corner + sides], axis=1).astype(np.float32)
    ours = roi_levels(boxes, (1024, 1000), units="pixels", rule=rule)
    other = roi_levels(normalize(boxes, (1024, 1000)), (1024, 1000), rule=rule)
    exact = 4 + np.log2(np.sqrt(sides.prod(axis=1)) / 224)
    exact = np.clip(np.floor(exact) if rule == "floor" else np.round(exact), 2, 5)
    np.testing.assert_array_equal(ops.convert_to_numpy(ours), exact)
    assert np.mean(ops.convert_to_numpy(other) != exact) < 0.02
