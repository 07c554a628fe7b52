"""One network of random weights of each system, as small as its parts allow, that finds something
in every image; and images to ask it about."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from small_hptr import SMALL

import tfseg
from tfseg.data import ListDataset, SyntheticPeople
from tfseg.structures.poses import coco_poses

SIZES = ((64, 64), (61, 97), (150, 90))
TWO_STAGES = dict(
    classes=("disc", "ring"),
    backbone="mobilenet_v2",
    norm="group",
    image_size=64,
    proposals_test=40,
    max_detections=8,
    detection_min_confidence=0.0,
    score_floor=0.0,
    pyramid_channels=16,
    rpn_channels=16,
    box_head_channels=16,
)


def mask_rcnn() -> tfseg.MaskRCNN:
    model = tfseg.MaskRCNN(
        **TWO_STAGES,
        backbone_width=0.35,
        anchor_scales=(8.0, 16.0, 32.0, 48.0, 64.0),
        mask_head_channels=16,
        mask_head_convs=1,
    )
    score = model.keras_model.box_head.score  # else all is background
    score.kernel.assign(3.0 * score.kernel)
    score.bias.assign([-2.0, 0.5, 0.5])
    return model


def comask() -> tfseg.CoMask:
    return tfseg.CoMask(
        **TWO_STAGES,
        backbone_width=0.25,
        image_fit="square",
        image_min_size=64,
        anchor_scales=(8, 16, 24, 32, 48),
        collab_channels=16,
        collab_convs=1,
    )


def portrait() -> tfseg.PortraitSegmenter:
    model = tfseg.PortraitSegmenter(
        classes=("person", "dog"), preset="nano", initial_weights=None, image_size=(64, 64)
    )
    random = np.random.default_rng(0)
    for variable in model.keras_model.weights:
        if variable.name in ("gamma", "beta", "moving_mean"):
            noise = random.normal(0, 0.3, variable.shape)
            variable.assign(np.asarray(variable.value) + noise.astype(np.float32))
    return model


def hptr() -> tfseg.HPTR:
    model = tfseg.HPTR(**{**SMALL, "detection_min_confidence": 0.0})
    network, random = model.keras_model, np.random.default_rng(0)
    heads = [head.score for head in network.heads.values()]
    for layer in (*heads, network.mask_head.score):
        layer.kernel.assign(random.normal(0, 0.5, layer.kernel.shape))
        layer.bias.assign(random.normal(0, 0.3, layer.bias.shape))
    dense = network.detector.class_head
    dense.kernel.assign(random.normal(0, 0.2, dense.kernel.shape))
    return model


def pose2seg() -> tfseg.Pose2Seg:
    return tfseg.Pose2Seg(
        variant="light", norm="group", image_size=64, window_size=16, feature_width=8
    )


FIVE = {make.__name__: make for make in (mask_rcnn, comask, portrait, hptr, pose2seg)}


def images(sizes=SIZES) -> list[np.ndarray]:
    """Returns smooth colours, uint8 `(H, W, 3)`, of three sizes."""
    found = []
    for height, width in sizes:
        coarse = np.random.default_rng(height).integers(0, 256, (6, 6, 3)).astype(np.uint8)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        found.append(np.array(smooth))
    return found


def poses(sizes=SIZES) -> list[np.ndarray]:
    """Returns COCO's joints of people in these images, float32 `(N, 17, 3)`; in one nobody."""
    found = []
    for row, (height, width) in enumerate(sizes):
        random = np.random.default_rng(row)
        joints = random.uniform(0.1, 0.9, ((2, 0, 3)[row], 17, 3)) * (width, height, 0)
        joints[..., 2] = 2
        found.append(joints.astype(np.float32))
    return found


def requests_of(system: str) -> dict[str, np.ndarray]:
    """Returns what to ask of its SavedModel, `request/signature/input` to its value: all images at
    once as files, and each as an array."""
    files, people = [], poses()
    for image in images():
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        files.append(file.getvalue())
    padded = np.zeros((len(files), 3, 17, 3), np.float32)
    for row, found in zip(padded, people):
        row[: len(found)] = found
    with_poses = system == "pose2seg"
    asked = {"all/serving_default/encoded": np.array(files, object)}
    if with_poses:
        asked["all/serving_default/poses"] = padded
    for index, image in enumerate(images()):
        asked[f"{index}/images_uint8/images"] = image[None]
        asked[f"{index}/images_float/images"] = image[None].astype(np.float32)
        if with_poses:
            asked[f"{index}/images_uint8/poses"] = padded[index : index + 1]
            asked[f"{index}/images_float/poses"] = padded[index : index + 1]
    return asked


def extras(model) -> dict:
    """Returns what its `predict` takes besides `images()`."""
    return {"poses": [coco_poses(one) for one in poses()]} if model.system == "pose2seg" else {}


def taught(model, steps: int = 2):
    """Returns the model after so many steps on two drawn people an image."""
    samples = []
    for sample in SyntheticPeople(4, size=64, people=2):
        ids = 1 + np.arange(len(sample)) % len(model.class_names)
        keypoints = sample.keypoints if model.system == "pose2seg" else None
        samples.append(sample.replace(class_ids=ids, keypoints=keypoints))
    short = dict(batch_size=2, steps_per_epoch=steps, stages=[{"epochs": 1}], workers=0)
    model.set_params(**{f"train__{name}": value for name, value in short.items()})
    return model.fit(ListDataset(samples, model.class_names))
