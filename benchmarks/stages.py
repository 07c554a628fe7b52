"""Where the time of one inference goes: preparing, backbone, pyramid, proposals, heads, pasting.

The network of `inference.py`. Each stage is compiled by itself and fed the real output of the one
before it; "whole" is the compiled network in one piece, which may overlap what the parts cannot.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import harness
import inference
from inference import SIZE


def tfseg(settings: dict):
    """Returns a step that times every stage once."""
    import keras
    import numpy as np

    model = inference.our_model(
        settings,
        detection_min_confidence=0.05,
        detection_nms_threshold=inference.NMS,
    )
    inference.favour_objects(model.keras_model, np)
    model.fitted = True
    from tfseg.engine.inputs import Item

    image = inference.picture(settings, np)
    stages = _stages(model.keras_model)

    def step():
        took = harness.Parts()
        with harness.timing(took, "prepare"):
            inputs, plan = model._predict_inputs(Item(image))
            batch = {name: value[None] for name, value in inputs.items()}
        values = [keras.ops.convert_to_tensor(batch["image"])]
        for name, function in stages:
            with harness.timing(took, name):
                values = _as_list(function(*values))
                np.asarray(keras.ops.convert_to_numpy(_last(values)))  # wait for the result
        with harness.timing(took, "whole network"):
            outputs = model._run(batch)
        with harness.timing(took, "decode and paste"):
            one = {name: value[0] for name, value in outputs.items()}
            prediction = model._decode(one, plan, score_threshold=None, image_id=0, path=None)
        with harness.timing(took, "masks of full size"):
            _ = prediction.masks
        took["objects"] = len(prediction)
        return took

    return step, {"versions": f"keras {keras.__version__} on {keras.backend.backend()}"}


def _stages(network) -> list:
    """Returns `(name, compiled function)`; each takes what the one before returned."""
    import tensorflow as tf
    from keras import ops

    from tfseg.models.two_stage.rules import detections

    config = network.config

    def propose(levels, logits, deltas):
        return levels, *network.propose(logits, deltas, config.proposals_test)

    def align_boxes(levels, proposals, valid):
        return levels, proposals, valid, network.align(levels, proposals, config.pool_size)

    def classify(levels, proposals, valid, pooled):
        return levels, proposals, valid, *network.box_head(pooled, training=False)

    def suppress(levels, proposals, valid, logits, deltas):
        window = ops.convert_to_tensor([[0.0, 0.0, SIZE, SIZE]])
        probabilities = ops.softmax(logits)
        boxes, class_ids, _ = detections(
            config, proposals, valid, probabilities, deltas, (SIZE, SIZE), window
        )
        return levels, boxes, class_ids

    def align_masks(levels, boxes, class_ids):
        return network.align(levels, boxes, config.mask_pool_size), class_ids

    stages = [
        ("backbone", lambda image: network.backbone(network.preprocess(image), training=False)),
        ("pyramid", network.fpn),
        ("region proposal head", lambda *levels: (list(levels), *network.rpn(list(levels)))),
        ("proposals (NMS)", propose),
        ("RoIAlign for boxes", align_boxes),
        ("box head", classify),
        ("detections (NMS)", suppress),
        ("RoIAlign for masks", align_masks),
        ("mask head", lambda pooled, ids: network.mask_head(pooled, ids, training=False)),
    ]
    return [(name, tf.function(function)) for name, function in stages]


def _as_list(value) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _last(values):
    """Returns the tensor that is computed last: the end of the structure."""
    last = values[-1]
    if isinstance(last, dict):
        return _last(list(last.values()))
    return _last(last) if isinstance(last, (list, tuple)) else last


def table(run: dict) -> str:
    """Returns the stages with their medians and their share of the parts' sum."""
    names = [name for name in run if name not in ("facts", "wall", "cpu", "objects")]
    middle = {name: statistics.median(run[name]) for name in names}
    parts = sum(seconds for name, seconds in middle.items() if name != "whole network")
    lines = [f"{'stage':<24}{'ms':>9}{'share':>9}   quartiles ms"]
    for name, seconds in middle.items():
        low, _, high = harness.quartiles(run[name])
        share = "" if name == "whole network" else f"{100 * seconds / parts:.1f} %"
        spread = f"{1e3 * low:.1f}-{1e3 * high:.1f}"
        lines.append(f"{name:<24}{1e3 * seconds:>9.1f}{share:>9}   {spread}")
    return "\n".join([*lines, f"{'sum of the parts':<24}{1e3 * parts:>9.1f}"])


def main() -> None:
    """Measures, and prints the table."""
    parser = harness.arguments(__doc__)
    parser.add_argument("--origin", choices=["torchvision", "matterport"], default="torchvision")
    args = parser.parse_args()
    if args.worker:
        harness.serve({"tfseg": tfseg}, args.worker)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.raw")
        inference.draw_picture(path)
        results = harness.contest(
            [harness.Contestant("tfseg")],
            __file__,
            settings={"picture": str(path), "size": SIZE, "origin": args.origin},
            rounds=args.rounds,
            warmup=args.warmup,
            threads=args.threads,
        )
    print(table(results["runs"]["tfseg"]))
    output = args.output or harness.ROOT / "benchmarks" / "results" / "stages.json"
    print(f"wrote {harness.write(results, output)}")


if __name__ == "__main__":
    sys.exit(main())
