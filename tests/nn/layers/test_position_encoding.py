"""Sine codes of a padded grid against the specification's numbers and a loop."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.errors import ConfigError
from tfseg.nn.layers.position_encoding import SinePositionEncoding, sine_position_encoding


def codes(padding, channels):
    return ops.convert_to_numpy(sine_position_encoding(np.asarray(padding), channels))


def test_two_features_an_axis_on_two_by_three_cells():
    ours = codes(np.zeros((1, 2, 3), bool), 4)[0]
    np.testing.assert_allclose(ours[0, 0], [0.0000016, -1, 0.866026, -0.499999], atol=2e-6)
    y, x = [3.141591, 6.283182], [2.094394, 4.188789, 6.283183]
    np.testing.assert_allclose(ours[:, 0, 0], np.sin(y), atol=2e-6)
    np.testing.assert_allclose(ours[:, 0, 1], np.cos(y), atol=2e-6)
    np.testing.assert_allclose(ours[0, :, 2], np.sin(x), atol=2e-6)
    np.testing.assert_allclose(ours[0, :, 3], np.cos(x), atol=2e-6)


def test_every_frequency_against_a_loop_with_padding_at_the_end():
    padding = np.ones((1, 5, 7), bool)
    padding[0, :4, :6] = False
    ours = codes(padding, 16)[0]
    for row, column, axis, channel in np.ndindex(4, 6, 2, 8):
        place = (row + 1) / (4 + 1e-6) if axis == 0 else (column + 1) / (6 + 1e-6)
        angle = 2 * math.pi * place / 10000 ** (2 * (channel // 2) / 8)
        expected = math.cos(angle) if channel % 2 else math.sin(angle)
        assert ours[row, column, 8 * axis + channel] == pytest.approx(expected, abs=2e-6)


def test_codes_do_not_depend_on_how_much_an_image_is_padded():
    padding = np.ones((2, 6, 9), bool)
    padding[0, :3, :5] = padding[1] = False
    ours = codes(padding, 8)
    alone = codes(np.zeros((1, 3, 5), bool), 8)[0]
    np.testing.assert_allclose(ours[0, :3, :5], alone, atol=1e-6)
    assert np.isfinite(codes(np.ones((1, 2, 2), bool), 8)).all()


def test_the_layer_keeps_its_settings_and_has_no_weights():
    layer = SinePositionEncoding(8, temperature=20.0, name="here")
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert (copy.channels, copy.temperature, copy.name) == (8, 20.0, "here")
    assert layer(np.zeros((1, 3, 4), bool)).shape == (1, 3, 4, 8)
    assert not layer.weights


@pytest.mark.parametrize("channels", [0, 2, 6])
def test_channels_that_cannot_be_shared_out(channels):
    with pytest.raises(ConfigError, match=f"multiple of 4; got {channels}"):
        sine_position_encoding(np.zeros((1, 2, 2), bool), channels)
