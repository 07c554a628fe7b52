import math

import pytest

from tfseg.config import Stage, TrainConfig, learning_rate
from tfseg.errors import ConfigError
from tfseg.models.mask_rcnn.config import MaskRCNNConfig


@pytest.mark.parametrize(
    "schedule, rates",
    [
        ("lr_const", {1: 1e-3, 40: 1e-3, 120: 1e-3}),
        (
            "lr_a",
            {40: 1e-3, 41: 1e-4, 60: 1e-4, 61: 2e-5, 80: 2e-5, 81: 1e-5, 101: 2e-6, 120: 2e-6},
        ),
        ("lr_b", {40: 1e-3, 60: 1e-3, 61: 1e-4, 100: 1e-4, 101: 5e-5}),
        ("lr_c", {40: 1e-3, 41: 1e-3, 61: 1e-4, 81: 1e-5, 101: 1e-6}),
    ],
)
def test_schedules_of_the_experiments(schedule, rates):
    config = TrainConfig(schedule=schedule, stages=(Stage(40, "heads"), Stage(80)))
    for epoch, rate in rates.items():
        assert learning_rate(config, epoch) == pytest.approx(rate, rel=1e-12)


def test_a_stage_may_have_its_own_base_rate():
    config = TrainConfig(schedule="lr_c", stages=(Stage(60, "heads"), Stage(60, learning_rate=0.5)))
    assert learning_rate(config, 60) == 1e-3
    assert learning_rate(config, 61) == pytest.approx(0.05)
    assert learning_rate(config, 101) == pytest.approx(0.0005)


def test_cosine_falls_from_base_to_nothing_after_a_linear_warm_up():
    config = TrainConfig(schedule="cosine", learning_rate=0.1, warmup_steps=10, stages=(Stage(4),))
    rates = [
        learning_rate(config, e, s, steps_per_epoch=25) for e in range(1, 5) for s in range(25)
    ]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) / 11 for i in range(10)])
    assert rates[10] == pytest.approx(0.1)
    assert rates[55] == pytest.approx(0.1 * 0.5 * (1 + math.cos(math.pi / 2)))
    assert rates[10:] == sorted(rates[10:], reverse=True) and 0 < rates[-1] < 1e-4


def test_warm_up_comes_before_any_schedule_and_longer_runs_stretch_the_cosine():
    config = TrainConfig(learning_rate=1.0, warmup_steps=3, stages=(Stage(1),))
    assert [learning_rate(config, 1, s, steps_per_epoch=5) for s in range(5)] == pytest.approx(
        [0.25, 0.5, 0.75, 1.0, 1.0]
    )
    cosine = TrainConfig(learning_rate=1.0, schedule="cosine", stages=(Stage(2),))
    assert learning_rate(cosine, 2, steps_per_epoch=1) == pytest.approx(0.5)
    assert learning_rate(cosine, 3, steps_per_epoch=1, epochs=4) == pytest.approx(0.5)


def test_milestones_in_epochs_and_in_steps():
    by_epoch = TrainConfig(schedule="milestones", milestones=(15, 20), stages=(Stage(25),))
    rates = [learning_rate(by_epoch, epoch, steps_per_epoch=7) for epoch in (1, 15, 16, 20, 21, 25)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5])
    by_step = TrainConfig(schedule="milestones", milestone_steps=(3, 8), milestone_factor=0.5)
    rates = [learning_rate(by_step, 1 + i // 5, i % 5, steps_per_epoch=5) for i in range(10)]
    assert rates == pytest.approx([1e-3] * 3 + [5e-4] * 5 + [2.5e-4] * 2)


def test_a_warm_up_from_a_share_of_the_rate():
    config = TrainConfig(learning_rate=3.0, warmup_steps=4, warmup_from=1 / 3, stages=(Stage(2),))
    rates = [learning_rate(config, 1, step, steps_per_epoch=6) for step in range(6)]
    assert rates == pytest.approx([1.0, 1.5, 2.0, 2.5, 3.0, 3.0])


@pytest.mark.parametrize(
    "settings, words",
    [
        (dict(schedule="milestones"), "schedule: .*needs some.*milestone_steps"),
        (dict(milestones=(3,)), "milestones: schedule 'lr_const' has none"),
        (dict(schedule="milestones", milestones=(5, 3)), r"milestones: .*got \(5, 3\)"),
        (dict(rate_factors={"backbone": 0}), "rate_factors.backbone: expected more than 0"),
        (dict(rate_factors={"backbone": "slow"}), r"rate_factors\['backbone'\]: .*'slow'"),
        (dict(optimizer="adam", weight_decay=0.1), 'weight_decay: .*"adamw"'),
    ],
)
def test_settings_of_learning_that_contradict_each_other(settings, words):
    with pytest.raises(ConfigError, match=words):
        TrainConfig(**settings)


def test_groups_of_layers_are_the_systems():
    stages = [{"epochs": 1, "layers": "heads"}, {"epochs": 1, "layers": "backbones"}]
    with pytest.raises(ConfigError, match=r"train.stages\[1\].layers: .*mean 'backbone'"):
        MaskRCNNConfig(classes=("a",), train={"stages": stages})
    with pytest.raises(ConfigError, match=r"rate_factors\.6\+: .*Known: 3\+, 4\+"):
        MaskRCNNConfig(classes=("a",), train={"rate_factors": {"6+": 0.1}})
    train = TrainConfig(stages=(Stage(1),), rate_factors={"backbone": 0.1})
    assert MaskRCNNConfig(classes=("a",), train=train).train is train
