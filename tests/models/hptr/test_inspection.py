"""What `inspect` shows is what the network computes and predict returns."""

from __future__ import annotations

import numpy as np
import pytest
from small_hptr import SMALL

from tfseg.errors import ConfigError
from tfseg.models.hptr import HPTR
from tfseg.visualize.files import as_colours


@pytest.mark.slow
def test_inspection(tmp_path):
    model = HPTR(**SMALL, detection_min_confidence=0.0)
    model.fitted = True
    image = np.random.default_rng(0).integers(0, 256, (50, 96, 3), np.uint8)
    seen = model.inspect(image)
    (wanted,) = model.predict(image)
    assert len(seen.prediction) == len(wanted)
    np.testing.assert_array_equal(seen.prediction.label_maps["colors"], wanted.label_maps["colors"])
    assert seen.square.shape == (64, 64, 3) and seen.inside == (33, 64)
    assert seen.scores.shape == (2, 6) and (np.diff(seen.scores[-1]) <= 0).all()
    assert seen.boxes.shape == (2, 6, 4) and seen.boxes.min() >= 0 and seen.boxes.max() <= 64
    assert seen.attention.shape == (6, 8, 2, 2)
    np.testing.assert_allclose(seen.attention.sum(axis=(2, 3)), 1, atol=1e-4)
    assert seen.masks.shape == (6, 16, 16) and (seen.masks > 0).all()
    assert seen.maps["sizes"].shape == (16, 16, 5) and len(seen.map_names["sizes"]) == 5
    scores = {round(float(score), 3) for score in wanted.scores}
    assert scores <= {round(float(score), 3) for score in seen.scores[-1]}
    names = ["layers", "attention", "masks", "attributes", "sizes", "patterns", "colors"]
    assert list(seen.pictures) == [*names, "prediction"]
    assert all(as_colours(picture).shape[2] == 3 for picture in seen.pictures.values())
    text = seen.save(tmp_path).read_text()
    assert "6 queries through 2 decoder layers, 4 maps" in text
    # Of queries that nobody asks for there are no masks.
    assert not model.inspect(image, score_threshold=1.0).masks.any()
    with pytest.raises(ConfigError, match="score_threshold"):
        model.inspect(image, score_threshold=2)
