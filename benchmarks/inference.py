"""Inference of Mask R-CNN on one image of 512 x 512: tfseg and torchvision in turn.

ResNet-50 with a feature pyramid, batch 1, float32, 3 classes and background, random weights, the
same drawn image, 1000 proposals, 100 detections or, with `--found 5`, a threshold that leaves so
many of them. With `--origin torchvision` (the default) both
run the same network, layer by layer; with `--origin matterport` ours is Matterport's, whose region
proposal network is twice as wide. `end-to-end` goes from the array in memory to
binary masks of the image's size; `network` stops at boxes and 28 x 28 masks. With
`--precision bfloat16` both compute in mixed precision: a policy of Keras, autocast of torch.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import harness

SIZE, CLASSES, PROPOSALS, DETECTIONS = 512, ("suit", "dress", "jeans"), 1000, 100
NMS = 0.9  # lets random weights find 100 objects


def tfseg(settings: dict):
    """tfseg's Mask R-CNN as a user has it."""
    import keras
    import numpy as np

    model = our_model(
        settings,
        detection_min_confidence=0.05,
        detection_nms_threshold=NMS,
        precision="mixed_bfloat16" if settings["precision"] == "bfloat16" else "float32",
    )
    favour_objects(model.keras_model, np)
    model.fitted = True  # random weights take as long as good ones
    image = picture(settings, np)
    (everything,) = model.predict([image])
    threshold = between(everything.scores, settings["found"])
    if settings["part"] == "network":
        from tfseg.engine.inputs import Item

        inputs, _ = model._predict_inputs(Item(image))
        inputs = {**inputs, **model._threshold_inputs(threshold)}
        batch = {name: value[None] for name, value in inputs.items()}

        def step():
            return model._run(batch)

        found = int((step()["detections"][0, :, 4] > 0).sum())
    else:

        def step():
            (prediction,) = model.predict([image], score_threshold=threshold)
            return prediction.masks

        found = len(step())
    versions = f"tensorflow {_version('tensorflow')}, keras {keras.__version__}"
    return step, {"detections": found, "versions": versions}


def our_model(settings: dict, **changes):
    """Returns tfseg's Mask R-CNN of the common size, in the arithmetic of `settings["origin"]`."""
    import tfseg

    fit = {"image_min_size": SIZE} if settings["origin"] == "torchvision" else {}
    return tfseg.MaskRCNN(
        classes=CLASSES,
        origin=settings["origin"],
        backbone="resnet50",
        image_size=SIZE,
        proposals_test=PROPOSALS,
        max_detections=DETECTIONS,
        **{**fit, **settings.get("model", {}), **changes},
    )


def torchvision(settings: dict):
    """torchvision's Mask R-CNN of the same size."""
    import torch
    import torchvision as vision

    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    model = peer_model(vision, PROPOSALS, DETECTIONS, box_nms_thresh=NMS).eval()
    favour_their_objects(model, torch)
    image = torch.frombuffer(bytearray(Path(settings["picture"]).read_bytes()), dtype=torch.uint8)
    image = image.reshape(SIZE, SIZE, 3)
    seen = {}
    model.rpn.register_forward_hook(
        lambda module, inputs, outputs: seen.update(proposals=len(outputs[0][0]))
    )

    half = settings["precision"] == "bfloat16"

    @torch.inference_mode()
    @torch.autocast("cpu", dtype=torch.bfloat16, enabled=half)
    def step():
        pixels = image.permute(2, 0, 1).float() / 255
        if settings["part"] == "network":
            images, _ = model.transform([pixels])
            features = model.backbone(images.tensors)
            proposals, _ = model.rpn(images, features)
            return model.roi_heads(features, proposals, images.image_sizes)[0][0]
        found = model([pixels])[0]
        return {**found, "masks": found["masks"][:, 0] >= 0.5}

    with torch.inference_mode():
        scores = model([image.permute(2, 0, 1).float() / 255])[0]["scores"]
    model.roi_heads.score_thresh = between(scores, settings["found"])
    found = len(step()["scores"])
    versions = f"torch {torch.__version__}, torchvision {vision.__version__}"
    return step, {"detections": found, **seen, "versions": versions}


def peer_model(vision, proposals: int, detections: int, **more):
    """Returns torchvision's Mask R-CNN with frozen normalisation, which is what both train with.

    Args:
        vision: The module `torchvision`.
        proposals: After suppression, in training and testing.
        detections: Per image.
        more: Settings of `torchvision.models.detection.MaskRCNN`.
    """
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    body = resnet_fpn_backbone(
        backbone_name="resnet50",
        weights=None,
        trainable_layers=5,
        norm_layer=vision.ops.misc.FrozenBatchNorm2d,
    )
    return vision.models.detection.MaskRCNN(
        body,
        num_classes=len(CLASSES) + 1,
        min_size=SIZE,
        max_size=SIZE,
        rpn_post_nms_top_n_test=proposals,
        box_detections_per_img=detections,
        box_score_thresh=0.05,
        **more,
    )


def favour_objects(network, np) -> None:
    """Makes many regions objects of different scores: proposals are anchors, detections are
    proposals, so that random weights find as many objects as are allowed."""
    for layer in network._flatten_layers(include_self=False):
        if layer.name == "mrcnn_class_logits":
            # So small that scores differ and none is 1: features of random weights are large.
            spread = np.random.default_rng(0).normal(0, 3e-5, layer.kernel.shape)
            layer.set_weights([spread, np.array([0] + [2] * len(CLASSES))])
        elif layer.name in ("rpn_bbox_pred", "mrcnn_bbox_fc"):
            layer.set_weights([0 * weight for weight in layer.get_weights()])


def favour_their_objects(model, torch) -> None:
    """The same for torchvision's model."""
    predictor = model.roi_heads.box_predictor
    with torch.no_grad():
        for layer in (model.rpn.head.bbox_pred, predictor.bbox_pred):
            layer.weight.zero_()
            layer.bias.zero_()
        torch.nn.init.normal_(predictor.cls_score.weight, 0, 3e-4)
        predictor.cls_score.bias.copy_(torch.tensor([0.0] + [2.0] * len(CLASSES)))


def between(scores, found: int) -> float:
    """Returns a threshold that leaves the best `found` of some scores."""
    scores = sorted((float(score) for score in scores), reverse=True)
    if len(scores) <= found:
        return 0.05
    return (scores[found - 1] + scores[found]) / 2


def picture(settings: dict, np):
    """Returns the common image, uint8 `(512, 512, 3)`."""
    return np.fromfile(settings["picture"], np.uint8).reshape(SIZE, SIZE, 3)


def draw_picture(path: Path) -> None:
    """Writes the common image as raw bytes, which every library can read."""
    from tfseg.data.synthetic import SyntheticPeople

    SyntheticPeople(1, size=SIZE, seed=0, people=(3, 3))[0].image.tofile(path)


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


WORKERS = {"tfseg": tfseg, "torchvision": torchvision}


def main() -> None:
    """Runs the contest for both parts."""
    parser = harness.arguments(__doc__)
    parser.add_argument("--part", choices=["end-to-end", "network", "both"], default="both")
    parser.add_argument("--origin", choices=["torchvision", "matterport"], default="torchvision")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--found", type=int, default=DETECTIONS, help="objects, at most 100")
    args = parser.parse_args()
    if args.worker:
        harness.serve(WORKERS, args.worker)
        return
    contestants = [
        harness.Contestant("tfseg"),
        harness.Contestant("torchvision", python=args.peer_python, peer=True),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.raw")
        draw_picture(path)
        for part in ("end-to-end", "network") if args.part == "both" else (args.part,):
            results = harness.contest(
                contestants,
                __file__,
                settings={
                    "part": part,
                    "picture": str(path),
                    "size": SIZE,
                    "precision": args.precision,
                    "origin": args.origin,
                    "found": args.found,
                },
                rounds=args.rounds,
                warmup=args.warmup,
                threads=args.threads,
            )
            results["benchmark"] = (
                f"inference_{part.replace('-', '_')}_{args.precision}_{args.origin}_{args.found}"
            )
            print(f"\n{part}, {args.precision}, {args.origin}, {args.found} objects")
            harness.finish(results, args.output)


if __name__ == "__main__":
    sys.exit(main())
