"""`fit(..., augmentation=...)`: what is used, what the run folder says, and what a resume wants."""

from __future__ import annotations

import numpy as np
import pytest
from toy_estimator import Squares, ToyEstimator

from tfseg.config import Stage, TrainConfig, load_config
from tfseg.data.augment import Augmenter, iaa
from tfseg.errors import ConfigError
from tfseg.structures import Sample

TRAIN = TrainConfig(batch_size=4, stages=(Stage(1, "all"),), learning_rate=0.02, workers=2)


def fit(augmentation, run_dir=None, epochs=1, resume=False, train=TRAIN):
    model = ToyEstimator(classes=["square"], train=train)
    return model.fit(
        Squares(8), epochs=epochs, augmentation=augmentation, run_dir=run_dir, resume=resume
    )


def weights(model):
    return np.concatenate([np.ravel(w) for w in model.keras_model.get_weights()])


def mirror():
    return iaa.Fliplr(0.5)


def test_an_augmenter_is_used_and_is_the_same_for_the_same_seed():
    first, again, without = fit(mirror()), fit(mirror()), fit(None)
    np.testing.assert_array_equal(weights(first), weights(again))
    assert not np.array_equal(weights(first), weights(without))
    np.testing.assert_array_equal(weights(fit(Augmenter(mirror()))), weights(first))


def test_a_name_outranks_the_settings(tmp_path):
    given = fit("aug_geo", tmp_path / "a")
    by_settings = fit(None, train=TRAIN.replace(augmentation="aug_geo"))
    np.testing.assert_array_equal(weights(given), weights(by_settings))
    assert load_config(tmp_path / "a" / "config.yaml")["train"]["augmentation"] == "aug_geo"


def test_the_loader_hands_over_pictures_and_seeds():
    asked = []

    def note(sample, seed):
        asked.append((sample.image_id, seed))
        return sample

    fit(note)
    trained = asked[3:]  # the first image was tried out before
    assert [i for i, _ in asked[:3]] == [0, 0, 0]
    assert {i for i, _ in trained} == set(range(8))
    # Every image of every pass has a seed of its own.
    assert len({seed for _, seed in trained}) == len(set(trained)) >= 8


def test_validation_pictures_are_left_alone():
    asked = []

    def note(sample, seed):
        asked.append(sample.image_id)
        return sample

    class Others(Squares):
        def __getitem__(self, index):
            return super().__getitem__(index).replace(image_id=1000 + index)

    ToyEstimator(classes=["square"], train=TRAIN).fit(Squares(8), Others(4), augmentation=note)
    assert max(asked) < 8


class TestRunFolder:
    def test_it_says_what_was_used(self, tmp_path):
        fit(mirror(), tmp_path)
        loaded = load_config(tmp_path / "config.yaml")
        assert "Fliplr" in loaded["description"] and "0.5" in loaded["description"]
        assert loaded["train"]["augmentation"] == "aug_none"

    def test_settings_alone_need_no_note(self, tmp_path):
        fit(None, tmp_path)
        assert "description" not in load_config(tmp_path / "config.yaml")

    def test_a_resume_wants_the_same(self, tmp_path):
        fit(mirror(), tmp_path)
        for other in (None, "aug_flip", iaa.Fliplr(0.4)):
            with pytest.raises(ConfigError, match=r"augmentation .*Fliplr.*, now .*given again"):
                fit(other, tmp_path, epochs=2, resume=True)
        resumed = fit(mirror(), tmp_path, epochs=2, resume=True)
        np.testing.assert_array_equal(weights(resumed), weights(fit(mirror(), epochs=2)))


def test_what_cannot_be_applied_is_refused_before_anything_is_written(tmp_path):
    run_dir = tmp_path / "run"
    for wrong, said in (
        (iaa.pillike.Affine(rotate=5), "pillike.Affine cannot be used"),
        (iaa.Resize(16), "keep_size=True"),
        (lambda sample, seed: None, "should return a tfseg.Sample"),
        (5, "expected the name of a set"),
        ("aug_flp", "Did you mean 'aug_flip'"),
    ):
        with pytest.raises(ConfigError, match=said):
            fit(wrong, run_dir)
    assert not run_dir.exists()


def test_keypoints_of_unknown_sides_do_not_stop_a_system_without_keypoints():
    class Pointed(Squares):
        def __getitem__(self, index):
            sample = super().__getitem__(index)
            return sample.replace(keypoints=np.ones((1, 5, 3), np.float32))

    from tfseg.models.mask_rcnn import MaskRCNN
    from tfseg.models.two_stage.targets import resize_of

    model = MaskRCNN(classes=("square",), image_size=64, train=TRAIN.to_dict())
    loader = model._loader(Pointed(4), training=True, augment=Augmenter(iaa.Fliplr(1.0)))
    batch = next(loader.batches())
    sample = Pointed(4)[int(loader.indices(0)[0][1])]
    plan = resize_of(model.config, fixed=True).plan(sample.size)
    mirrored = plan.sample(sample).image[:, ::-1]
    np.testing.assert_array_equal(batch["image"][0], mirrored)
    assert isinstance(sample, Sample)
