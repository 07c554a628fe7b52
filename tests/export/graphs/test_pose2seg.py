"""The exported graph against `predict`: its own decoding, resizing, alignment and way back."""

from __future__ import annotations

import io

import keras
import numpy as np
import pytest
from PIL import Image

import tfseg
from tfseg.data import SyntheticPeople

if keras.backend.backend() != "tensorflow":
    pytest.skip("TensorFlow exports", allow_module_level=True)

import tensorflow as tf

from tfseg.export.graphs.pose2seg import _block_means, serving
from tfseg.geometry.affine import warp_image


def png(image):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def test_blocks_of_pixels_are_the_greys_that_predict_sees():
    image = np.random.default_rng(0).integers(0, 256, (47, 33, 3)).astype(np.uint8)
    for block in range(1, 9):
        shift = (1 / block - 1) / 2  # so that nothing is left to interpolate
        matrix = np.array([[1 / block, 0, shift], [0, 1 / block, shift]])
        expected = warp_image(image, matrix, (-(-47 // block), -(-33 // block)))
        found = _block_means(tf.constant(image, tf.float32), tf.constant(block))
        np.testing.assert_array_equal(found, expected, f"blocks of {block}")


def test_masks_of_images_of_different_sizes_are_those_of_predict():
    model = tfseg.Pose2Seg(
        variant="light", norm="group", image_size=64, window_size=16, feature_width=8
    )
    model.fitted = True
    # The second one is shrunk by more than two, so that blocks of pixels are averaged.
    samples = [SyntheticPeople(1, size=size, people=3, seed=9)[0] for size in (61, (150, 190))]
    people = np.zeros((2, 10, 17, 3), np.float32)  # more than are computed at once
    counts = []
    for row, sample in zip(people, samples):
        found = sample.keypoints[(sample.keypoints[..., 2] > 0).any(axis=1)]
        row[: len(found)] = found
        counts.append(len(found))
    people[1, 9] = people[1, 0]
    expected = [
        model.predict(sample.image, poses=(row, np.ones(10)))[0]
        for sample, row in zip(samples, people)
    ]
    run = tf.function(serving(model)["serving_default"].function)
    files = tf.constant([png(sample.image) for sample in samples])
    answer = {name: value.numpy() for name, value in run(files, tf.constant(people)).items()}
    assert answer["image_sizes"].tolist() == [[61, 61], [150, 190]]
    assert answer["masks_png_bytes"].shape == (2, 10) and not any(answer["error"])
    for index, (count, one) in enumerate(zip(counts, expected)):
        pngs = answer["masks_png_bytes"][index]
        masks = np.stack([np.asarray(Image.open(io.BytesIO(png))) for png in pngs])
        assert not masks[count:9].any()
        rows = [*range(count), *([9] if index else [])]
        ours, theirs = masks[rows] > 0, one.masks[rows]
        assert theirs.any() and (ours != theirs).mean() < 0.01
        aligned = zip(answer["templates"][index], answer["turned"][index])
        names = [f"template {k}{' turned' * t}" if k >= 0 else "whole image" for k, t in aligned]
        assert [one_of[0].name for one_of in one.attributes] == names
    images = tf.constant(samples[0].image[None])
    nobody = serving(model)["images_uint8"].function(images, tf.zeros((1, 0, 17, 3)))
    assert nobody["masks"].shape == (1, 0, 61, 61)
