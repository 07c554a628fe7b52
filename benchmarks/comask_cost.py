"""What CoMask costs beside Mask R-CNN: the same backbone, image and numbers of regions, in turn.

Mask R-CNN and CoMask with 1, 2 and 4 branches, and with 4 in a cascade; ResNet-50 with a feature
pyramid, batch 1, float32, random weights that find `--found` objects. `network` stops at boxes and
28 x 28 masks. CoMask's stages are compiled one by one as well. The paper's mark: 4.4, 4.2 and 3.9
images a second with 1, 2 and 4 branches, so 4 take 1.13 times as long as 1.
"""

from __future__ import annotations

import statistics
import sys

import harness
import inference

BRANCHES = {
    "comask, 1 branch": {"branches": 1},
    "comask, 2 branches": {"branches": 2},
    "comask, 4 branches": {"branches": 4},
    "comask, 4 in a cascade": {"branches": 4, "branch_mode": "cascade"},
}
BASE = "mask_rcnn"
MAPS = ("C2", "C3", "C4", "C5")
PAPER = "comask, 1 branch"


def mask_rcnn(settings: dict):
    """Our Mask R-CNN in torchvision's arithmetic."""
    import tfseg

    return _prepare(tfseg.MaskRCNN(origin="torchvision", **_common(settings)), settings)


def comask(settings: dict):
    """CoMask with what `settings["model"]` says."""
    import tfseg

    return _prepare(tfseg.CoMask(**_common(settings), **settings["model"]), settings)


def _common(settings: dict) -> dict:
    return {
        "classes": inference.CLASSES,
        "backbone": "resnet50",
        "image_size": settings["size"],
        "image_min_size": settings["size"],
        "proposals_test": inference.PROPOSALS,
        "max_detections": inference.DETECTIONS,
        "detection_min_confidence": 0.05,
        "detection_nms_threshold": inference.NMS,
    }


def _prepare(model, settings: dict):
    import numpy as np

    from tfseg.data.synthetic import SyntheticPeople
    from tfseg.engine.inputs import Item

    inference.favour_objects(model.keras_model, np)
    model.fitted = True  # random weights take as long as good ones
    image = SyntheticPeople(1, size=settings["size"], seed=0, people=(3, 3))[0].image
    (everything,) = model.predict([image])
    threshold = inference.between(everything.scores, settings["found"])
    inputs, _ = model._predict_inputs(Item(image))
    inputs = {**inputs, **model._threshold_inputs(threshold)}
    batch = {name: value[None] for name, value in inputs.items()}
    stages = _stages(model.keras_model, batch) if hasattr(model.keras_model, "enhance") else []

    def step():
        took, values = harness.Parts(), ()
        with harness.timing(took, "network"):
            outputs = model._run(batch)
        for name, function in stages:
            with harness.timing(took, name):
                values = function(*values)
                np.asarray(values[-1])  # wait for the result
        step.found = int((outputs["detections"][0, :, 4] > 0).sum())
        return took

    step()
    return step, {"detections": step.found}


def _stages(network, batch: dict) -> list:
    """Returns `(name, compiled function)`; each takes the tuple that the one before returned."""
    import tensorflow as tf
    from keras import ops

    from tfseg.models.two_stage import rules
    from tfseg.models.two_stage.network import most
    from tfseg.nn.ops.boxes import clip
    from tfseg.nn.rcnn.collaborative import collaborate
    from tfseg.nn.rcnn.detections import thinned

    config, image = network.config, ops.convert_to_tensor(batch["image"])
    window, least = (ops.convert_to_tensor(batch[name]) for name in ("window", "min_score"))
    shape = image.shape[1:3]
    units = rules.to_units(config, window, shape)

    def backbone():
        maps = network.backbone(network.preprocess(image), training=False)
        return tuple(maps[name] for name in MAPS)

    def enhance(*levels):
        return tuple(layer(level) for layer, level in zip(network.enhance, levels, strict=True))

    def propose(*levels):
        logits, deltas = network.rpn(list(levels))
        more = {"shape": shape, "window": window}
        return *levels, *network.propose(logits, deltas, config.proposals_test, **more)

    def classify(*values):
        *levels, proposals, valid = values
        pooled = network.align(levels, proposals, config.pool_size)
        chances = ops.softmax(network.box_head(pooled, training=False)[0])
        still = ops.zeros((*ops.shape(chances), 4), "float32")
        args = (proposals, valid, chances, still, shape, window, least)
        regions, ids, scores = rules.detections(config, *args)
        return *levels, scores, ids, regions

    def coarse(*values):
        *levels, scores, ids, regions = values
        offsets, masks = network.votes(levels, regions, ids, most(ids > 0))
        boxes = collaborate(regions, offsets, masks, weighted=config.collaboration)
        boxes = ops.where((ids > 0)[..., None], clip(boxes, units[:, None]), 0.0)
        ranked = ops.where(ids > 0, scores, -ops.ones_like(scores))
        args = (config.refined_nms_threshold, config.max_detections)
        boxes, ids, _ = thinned(boxes, ids, ranked, *args)
        return *levels, ids, boxes

    def fine(*values):
        *levels, ids, boxes = values
        return (network.fine_masks(levels, boxes, ids, most(ids > 0), training=False),)

    stages = [
        ("backbone", backbone),
        ("pyramid", lambda *maps: tuple(network.fpn(dict(zip(MAPS, maps))))),
        ("multi-scale enhancement", enhance),
        ("region proposals", propose),
        ("classes of regions", classify),
        ("first pass and average", coarse),
        ("second pass", fine),
    ]
    return [(name, tf.function(function)) for name, function in stages]


def table(results: dict) -> str:
    """Returns each network's median, how much longer than Mask R-CNN and than one branch it takes,
    with 95 % intervals, and the stages of the last CoMask; fills `results["ratios"]`."""
    runs, lines = results["runs"], []
    results["ratios"] = {}
    lines.append(f"{'':<26}{'ms':>8}   of Mask R-CNN (95 %)     of 1 branch (95 %)")
    for name, run in runs.items():
        times = run["network"]
        line = f"{name:<26}{1e3 * statistics.median(times):>8.0f}   "
        for other in (BASE, PAPER):
            if name in (other, BASE):
                line += f"{'':<25}"
                continue
            ratio = harness.ratio(times, runs[other]["network"])
            results["ratios"][f"{name} / {other}"] = ratio
            line += f"{ratio['ratio']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})       "
        lines.append(f"{line.rstrip()}   {run['facts']['detections']} objects")
    for name in ("comask, 1 branch", "comask, 4 branches"):
        lines.append(f"\n{name}, ms by stage, each compiled by itself:")
        stages = [s for s in runs[name] if s not in ("facts", "wall", "cpu", "network")]
        lines += [f"  {s:<26}{1e3 * statistics.median(runs[name][s]):>8.0f}" for s in stages]
    return "\n".join(lines)


WORKERS = {BASE: mask_rcnn} | dict.fromkeys(BRANCHES, comask)


def main() -> None:
    """Measures all networks in turn, and prints the tables."""
    parser = harness.arguments(__doc__, rounds=8)
    parser.add_argument("--found", type=int, default=20, help="objects, at most 100")
    parser.add_argument("--size", type=int, default=inference.SIZE, help="pixels, a multiple of 64")
    args = parser.parse_args()
    if args.worker:
        harness.serve(WORKERS, args.worker)
        return
    contestants = [harness.Contestant(BASE)]
    contestants += [harness.Contestant(n, settings={"model": m}) for n, m in BRANCHES.items()]
    results = harness.contest(
        contestants,
        __file__,
        settings={"size": args.size, "found": args.found},
        rounds=args.rounds,
        warmup=args.warmup,
        threads=args.threads,
    )
    print(table(results))
    output = args.output or harness.ROOT / "benchmarks" / "results" / "comask_cost.json"
    print(f"wrote {harness.write(results, output)}")


if __name__ == "__main__":
    sys.exit(main())
