"""Every system keeps the contract; a new one adds a class here."""

import dataclasses

import numpy as np
import pytest
from estimator_contract import EstimatorContract
from small_hptr import SMALL
from toy_system import Dot

import tfseg
from tfseg.data import ListDataset, SyntheticPeople
from tfseg.errors import ConfigError
from tfseg.structures import Sample


def discs(classes, count=4):
    """Returns images of different sizes with one bright disc; the last one has none."""
    samples = []
    for index in range(count):
        height, width = 40 + 8 * index, 56 - 8 * (index % 2)
        rows, columns = np.mgrid[:height, :width]
        mask = (rows - 20) ** 2 + (columns - 24) ** 2 < 150
        image = np.random.default_rng(index).integers(0, 60, (height, width, 3))
        masks = mask[None] if index < count - 1 else np.zeros((0, height, width), bool)
        image[masks.any(axis=0)] += 150
        ids = np.full(len(masks), 1 + index % len(classes))
        samples.append(Sample(image.astype(np.uint8), f"disc{index}", ids, masks))
    return ListDataset(samples, classes)


@pytest.mark.both_backends
class TestToy(EstimatorContract):
    system = Dot
    settings = dict(classes=("disc", "ring"))

    @classmethod
    def data(cls):
        return discs(("disc", "ring"))


class TestMaskRCNN(EstimatorContract):
    system, expensive = tfseg.MaskRCNN, True
    settings = dict(
        classes=("disc", "ring"),
        backbone="mobilenet_v2",
        backbone_width=0.35,
        norm="group",
        image_size=64,
        anchor_scales=(8.0, 16.0, 32.0, 48.0, 64.0),
        proposals_train=40,
        proposals_test=40,
        train_rois=8,
        pool_size=3,
        mask_pool_size=4,
        mini_mask_size=14,
        max_instances=4,
        max_detections=5,
        detection_min_confidence=0.0,
        score_floor=0.0,
        pyramid_channels=16,
        rpn_channels=16,
        box_head_channels=16,
        mask_head_channels=16,
        mask_head_convs=1,
    )

    @classmethod
    def data(cls):
        return discs(("disc", "ring"))


class TestCoMask(EstimatorContract):
    system, expensive = tfseg.CoMask, True
    settings = dict(
        classes=("disc", "ring"),
        backbone="mobilenet_v2",
        backbone_width=0.25,
        norm="group",
        image_fit="square",
        image_size=64,
        image_min_size=64,
        anchor_scales=(8, 16, 24, 32, 48),
        pyramid_channels=16,
        rpn_channels=16,
        box_head_channels=16,
        collab_channels=16,
        collab_convs=1,
        proposals_train=40,
        proposals_test=20,
        train_rois=16,
        max_instances=4,
        max_detections=8,
        score_floor=0.0,
        detection_min_confidence=0.0,
    )

    @classmethod
    def data(cls):
        return discs(("disc", "ring"))


class TestPortrait(EstimatorContract):
    system, expensive = tfseg.PortraitSegmenter, True
    settings = dict(
        classes=("disc", "ring"),
        image_size=(64, 64),
        norm_momentum=0.5,
        train=dict(optimizer="adamw", augmentation="portrait", schedule="poly", monitor="miou"),
    )

    @classmethod
    def data(cls):
        return discs(("disc", "ring"))


def two_kinds_of_people(classes, count=4):
    """Returns drawn people with their maps, in images of different sizes; the third has none."""
    samples = []
    for index in range(count):
        size, people = (48 + 8 * index, 64), 0 if index == 2 else 2
        sample = SyntheticPeople(1, size=size, people=people, start=index)[0]
        ids = 1 + np.arange(len(sample)) % len(classes)
        samples.append(sample.replace(class_ids=ids, keypoints=None, image_id=f"people{index}"))
    return ListDataset(samples, classes)


class TestHPTR(EstimatorContract):
    system, expensive = tfseg.HPTR, True
    settings = dict(
        **SMALL, classes=("adult", "child"), detection_min_confidence=0.0, score_floor=0.0
    )

    @classmethod
    def data(cls):
        return two_kinds_of_people(("adult", "child"))


class TestPose2Seg(EstimatorContract):
    system, expensive = tfseg.Pose2Seg, True
    settings = dict(
        variant="light",
        norm="group",
        image_size=64,
        window_size=16,
        feature_width=8,
        people_per_image=4,
        people_per_batch=4,
    )

    @classmethod
    def data(cls):
        samples = []
        for index in range(4):
            drawn = SyntheticPeople(
                1, size=(48 + 8 * index, 64), people=2 * (index != 2), start=index
            )
            samples.append(drawn[0].replace(image_id=f"people{index}"))
        return ListDataset(samples, ("person",))

    def test_weights_of_other_classes(self):
        with pytest.raises(ConfigError, match="classes"):
            self.fresh(classes=("person", "one more"))


class Far(Dot):
    """Its boxes leave the image."""

    def _decode(self, outputs, plan, **facts):
        found = super()._decode(outputs, plan, **facts)
        return dataclasses.replace(found, boxes=found.boxes + 500)


class Square(Dot):
    """Its predictions have the network's size."""

    def _decode(self, outputs, plan, **facts):
        return super()._decode(outputs, dataclasses.replace(plan, original=(32, 32)), **facts)


class Forgetful(Dot):
    """Its pickles come back without weights."""

    def __getstate__(self):
        return {**super().__getstate__(), "_weights": None}


@pytest.mark.parametrize(
    "broken, check",
    [
        (Far, "test_predictions_lie_in_their_image"),
        (Square, "test_predictions_lie_in_their_image"),
        (Forgetful, "test_files_and_copies_are_the_model"),
    ],
)
def test_what_breaks_the_contract_is_caught(broken, check, tmp_path):
    contract = type("Broken", (TestToy,), {"system": broken, "__test__": False})()
    model = contract.fitted()
    samples = [contract.data()[index] for index in range(3)]
    more = {"tmp_path": tmp_path} if "files" in check else {}
    with pytest.raises(AssertionError):
        getattr(contract, check)(model=model, samples=samples, **more)
