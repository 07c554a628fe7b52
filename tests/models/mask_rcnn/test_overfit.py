"""The whole chain can learn by heart: four images, to a mask AP of 0.9."""

from __future__ import annotations

import pytest

from tfseg.config.train import Stage, TrainConfig
from tfseg.data.dataset import Cached
from tfseg.data.synthetic import SyntheticPeople
from tfseg.models.mask_rcnn import MaskRCNN


@pytest.mark.slow
def test_four_pictures_are_learnt_to_a_mask_ap_of_nine_tenths():
    # One large person each; masks of 56 x 56, since 28 x 28 cannot follow a hand to IoU 0.95.
    pictures = Cached(SyntheticPeople(4, size=128, seed=4, people=(1, 1)))
    model = MaskRCNN(
        classes=pictures.class_names,
        backbone="mobilenet_v2",
        backbone_width=0.5,
        norm="batch",
        head_norm="none",
        norm_momentum=0.9,
        image_size=128,
        anchor_scales=(12, 24, 48, 80, 112),
        roi_align="aligned",
        pyramid_channels=64,
        rpn_channels=64,
        box_head_channels=128,
        mask_head_channels=64,
        mask_head_convs=3,
        mask_pool_size=28,
        mini_mask_size=112,
        pre_nms_limit=300,
        proposals_train=100,
        proposals_test=50,
        train_rois=24,
        max_instances=4,
        max_detections=10,
        fill_rois=True,
        add_truth_to_proposals=True,
        weight_decay=0.0,
        train=TrainConfig(
            batch_size=4,
            steps_per_epoch=100,
            stages=(Stage(epochs=5),),
            optimizer="adamw",
            learning_rate=2e-3,
            schedule="cosine",
            warmup_steps=20,
            evaluate_every=0,
            monitor="val_loss",
        ),
    )
    model.fit(pictures)
    report = model.evaluate(pictures)
    assert report["segm/AP"] >= 0.9, str(report)
