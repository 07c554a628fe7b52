"""One training step of Mask R-CNN on one image of 512 x 512: tfseg and torchvision in turn.

ResNet-50 with a feature pyramid, all layers, frozen normalisation, float32, batch 1, 8 objects,
2000 proposals, 200 regions of which up to a third are objects, SGD with momentum. A step is
forward, losses, gradients and update; the data are in memory.
"""

from __future__ import annotations

import math
import sys

import harness
import inference
from inference import CLASSES, SIZE

PROPOSALS, REGIONS, SHARE, OBJECTS, RATE = 2000, 200, 0.33, 8, 1e-4


def tfseg(settings: dict):
    """tfseg's stock Keras training step."""
    import keras
    import numpy as np

    import tfseg

    model = inference.our_model(
        settings,
        proposals_train=PROPOSALS,
        train_rois=REGIONS,
        roi_positive_fraction=SHARE,
    )
    encoded = model._encode(tfseg.Sample(**objects(np)), 0)
    batch = {name: np.asarray(value)[None] for name, value in encoded.items()}
    network = model.keras_model
    network.compile(keras.optimizers.SGD(RATE, momentum=0.9), jit_compile=False)

    def step():
        network.train_on_batch(batch)

    return step, {"trainable": _count(network), "versions": f"keras {keras.__version__}"}


def torchvision(settings: dict):
    """torchvision's training step, as its reference script takes it."""
    import numpy as np
    import torch
    import torchvision as vision

    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    model = inference.peer_model(
        vision,
        1000,
        100,
        rpn_post_nms_top_n_train=PROPOSALS,
        box_batch_size_per_image=REGIONS,
        box_positive_fraction=SHARE,
    ).train()
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(weights, lr=RATE, momentum=0.9, weight_decay=1e-4)
    sample = objects(np)
    boxes = torch.from_numpy(sample["boxes"][:, [1, 0, 3, 2]].copy())
    target = {
        "boxes": boxes,
        "labels": torch.from_numpy(sample["class_ids"].astype("int64")),
        "masks": torch.from_numpy(sample["masks"].astype("uint8")),
    }
    image = torch.from_numpy(sample["image"]).permute(2, 0, 1).float() / 255

    def step():
        losses = model([image], [target])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()

    count = sum(p.numel() for p in weights)
    versions = f"torch {torch.__version__}, torchvision {vision.__version__}"
    return step, {"trainable": count, "versions": versions}


def objects(np) -> dict:
    """Returns an image of noise and its rectangles, by the names of `tfseg.Sample`."""
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    masks = np.zeros((OBJECTS, SIZE, SIZE), bool)
    for index in range(OBJECTS):
        top, left = draw.integers(0, SIZE // 2, 2)
        height, width = draw.integers(SIZE // 8, SIZE // 2, 2)
        masks[index, top : top + height, left : left + width] = True
    class_ids = np.arange(OBJECTS) % len(CLASSES) + 1
    rows, columns = masks.any(2), masks.any(1)
    edges = [rows.argmax(1), columns.argmax(1)]
    edges += [SIZE - rows[:, ::-1].argmax(1), SIZE - columns[:, ::-1].argmax(1)]
    boxes = np.stack(edges, 1).astype(np.float32)
    return dict(image=image, class_ids=class_ids, masks=masks, boxes=boxes)


def _count(network) -> int:
    return sum(math.prod(variable.shape) for variable in network.trainable_variables)


WORKERS = {"tfseg": tfseg, "torchvision": torchvision}


def main() -> None:
    """Runs the contest."""
    parser = harness.arguments(__doc__)
    parser.add_argument("--origin", choices=["torchvision", "matterport"], default="torchvision")
    args = parser.parse_args()
    if args.worker:
        harness.serve(WORKERS, args.worker)
        return
    contestants = [
        harness.Contestant("tfseg"),
        harness.Contestant("torchvision", python=args.peer_python, peer=True),
    ]
    results = harness.contest(
        contestants,
        __file__,
        settings={"size": SIZE, "objects": OBJECTS, "regions": REGIONS, "proposals": PROPOSALS}
        | {"origin": args.origin},
        rounds=args.rounds,
        warmup=args.warmup,
        threads=args.threads,
    )
    harness.finish(results, args.output)


if __name__ == "__main__":
    sys.exit(main())
