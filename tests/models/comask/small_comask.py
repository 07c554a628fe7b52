"""Settings of a CoMask that tests in seconds."""

SMALL = dict(
    classes=("a", "b"),
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
