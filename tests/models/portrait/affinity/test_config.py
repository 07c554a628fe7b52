"""Settings of the affinity step."""

from __future__ import annotations

import pytest

from tfseg.config import load_config
from tfseg.errors import ConfigError
from tfseg.models.portrait.affinity import AffinityConfig
from tfseg.models.portrait.config import PortraitConfig


def test_the_numbers_of_the_specification():
    config = AffinityConfig()
    assert (config.score_threshold, config.nms_iou) == (0.5, 0.7)
    assert (config.compactness, config.iterations, config.bins) == (10, 10, 16)
    assert config.weights == (0.8, 0.2) and config.hop_cost == 1e-4
    assert config.superpixel_count(800, 600) == 1600
    assert config.superpixel_count(10, 10) == 200
    assert config.superpixel_count(6000, 4000) == 2000


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": (0.5, 0.2)}, "sum to 1"),
        ({"weights": (1.5, -0.5)}, "weights"),
        ({"min_superpixels": 3000}, "max_superpixels"),
        ({"iterations": 0}, "iterations"),
        ({"superpixels": "opencv"}, "superpixels"),
        ({"nms_iou": 1.2}, "nms_iou"),
        ({"outside": "drop"}, "outside"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        AffinityConfig(**settings)


def test_the_choice_about_what_is_outside_reaches_the_step_by_every_door(tmp_path):
    assert PortraitConfig().affinity.outside == "leave"
    file = tmp_path / "experiment.yaml"
    file.write_text("system: portrait\nmodel:\n  affinity: {outside: join}\n", encoding="utf-8")
    plain = tmp_path / "plain.yaml"
    plain.write_text("system: portrait\n", encoding="utf-8")
    for found in (load_config(file), load_config(plain, ["model.affinity.outside=join"])):
        assert PortraitConfig.from_dict(found["model"]).affinity.outside == "join"
