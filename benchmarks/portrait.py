"""Cutting people out of photographs: the shipped portrait model and MediaPipe's in turn.

The peer is MediaPipe's selfie segmentation, which phones use for the same job: `general` sees
256 x 256 pixels, `landscape` 144 x 256. Each contestant is held to `--threads` cores.

`--part file`: whole paths, from a JPEG file of 1 and of 12 megapixels to the mask of its size,
warm, in one process that goes on, and cold, in a fresh process from its start to its end, with
imports and loading. Each program is as its users write it (`file_to_mask/programs.py`): `predict`
with TensorFlow and with the light file, the program of docs/phone.md, MediaPipe with OpenCV's
reading; cold also the command, which ends in a PNG file. The photograph is the first of those
below, enlarged and given grain.

`--part memory`: from an image in memory to the mask. Quality is measured on the portrait crops of
Clothing Co-Parsing's val.txt (TFSEG_DATA), whose training part our model has seen and theirs has
not; without photographs, drawn people are timed alone.

    python benchmarks/portrait.py --threads 1 --peer-python ../mediapipe/bin/python
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import harness
from file_to_mask import contest

MEASURES = ("person_iou", "iou_person_image_mean", "boundary_f")


def tfseg_file(settings: dict):
    """A file of the shipped model, run as docs/phone.md does."""
    import cv2

    from tfseg.export.phone.runner import OpenVinoRunner, PhoneRunner
    from tfseg.geometry.proportional import ImageFit

    hold_to(settings["threads"])
    content = Path(settings["model"], settings["file"]).read_bytes()
    runtime = settings["runtime"]
    kind = {"openvino": OpenVinoRunner, "ai-edge-litert": PhoneRunner}[runtime]
    runner = kind(content, settings["threads"])
    fit = ImageFit(runner.image_shape, "letterbox")

    def cut(image):
        plan = fit.plan(image.shape[:2])
        probability = runner(plan.image(image))[..., -1]
        height, width = plan.resized
        inside = probability[plan.top : plan.top + height, plan.left : plan.left + width]
        return cv2.resize(inside, image.shape[1::-1]) >= 0.5

    return everything(cut, settings, f"{runtime} {version(runtime)}")


def tfseg_predict(settings: dict):
    """`predict` of the shipped model."""
    import tfseg
    from tfseg.structures.semantic import predicted_class_map

    hold_to(settings["threads"])
    model = tfseg.load(settings["model"])

    def cut(image):
        (prediction,) = model.predict([image])
        return predicted_class_map(prediction) == 1

    return everything(cut, settings, f"tensorflow {version('tensorflow')}")


def mediapipe(settings: dict):
    """MediaPipe's selfie segmentation at its usual threshold."""
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    hold_to(settings["threads"])
    model = SelfieSegmentation(model_selection=settings["selection"])

    def cut(image):
        return model.process(image).segmentation_mask >= 0.5

    return everything(cut, settings, f"mediapipe {version('mediapipe')}")


def hold_to(threads: int) -> None:
    """Lets this process use so many cores, whatever its libraries wish."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def everything(cut, settings: dict, versions: str):
    """Writes the masks of all images, and returns the timed step: one image."""
    import numpy as np

    folder = Path(settings["folder"])
    with np.load(folder / "pictures.npz") as stored:
        pictures = {name: stored[name] for name in stored}
    masks = {name: np.packbits(cut(image)) for name, image in pictures.items()}
    np.savez(folder / f"{settings['name']}.npz", **masks)
    middle = sorted(pictures.values(), key=lambda image: image.size)[len(pictures) // 2]
    height, width = middle.shape[:2]
    return lambda: cut(middle), {"picture": f"{height} x {width}", "versions": versions}


def quality(samples: list, path: Path) -> dict:
    """Returns the measures of one contestant's masks."""
    import numpy as np

    from tfseg.metrics.semantic import SemanticEvaluator
    from tfseg.structures import Prediction

    evaluator = SemanticEvaluator(("person",))
    with np.load(path) as masks:
        for number, sample in enumerate(samples):
            bits = np.unpackbits(masks[f"p{number}"], count=sample.size[0] * sample.size[1])
            mask = bits.reshape(1, *sample.size).astype(bool)
            box = np.array([[0, 0, *sample.size]], np.float32)  # masks alone are measured
            fields = {"scores": [1.0], "class_ids": [1], "class_names": ("person",)}
            evaluator.update(sample, Prediction.from_masks(mask, boxes=box, **fields))
    report = evaluator.compute()
    return {key: float(report[key]) for key in MEASURES}


def pictures(limit: int | None) -> tuple[list, bool]:
    """Returns the samples, and whether they are photographs."""
    from tfseg.data import PortraitCropsDataset
    from tfseg.data.synthetic import SyntheticPeople

    data = Path(os.environ.get("TFSEG_DATA", harness.ROOT / ".." / "shared" / "data"))
    folder = data / "clothing_co_parsing"
    if not folder.is_dir():
        return list(SyntheticPeople(1, size=512, seed=0, people=(1, 1))), False
    return list(PortraitCropsDataset(folder, "val"))[:limit], True


CONTESTANTS = {
    "tfseg float16.tflite": (
        tfseg_file,
        {"file": "float16.tflite", "runtime": "ai-edge-litert"},
    ),
    "tfseg int8.tflite": (tfseg_file, {"file": "int8.tflite", "runtime": "ai-edge-litert"}),
    "tfseg int8, OpenVINO": (tfseg_file, {"file": "int8.tflite", "runtime": "openvino"}),
    "tfseg predict": (tfseg_predict, {}),
    "mediapipe general": (mediapipe, {"selection": 0}),
    "mediapipe landscape": (mediapipe, {"selection": 1}),
}


def in_memory(args, model: Path, samples: list, real: bool, folder: Path) -> dict:
    """Returns the contest of images in memory, with the measures of the masks."""
    import numpy as np

    contestants = []
    for name, (prepare, more) in CONTESTANTS.items():
        if "file" in more and not (model / more["file"]).is_file():
            continue
        peer = prepare is mediapipe
        python = {"python": args.peer_python} if peer else {}
        settings = {**more, "name": name, "model": str(model)}
        contestants.append(harness.Contestant(name, peer=peer, settings=settings, **python))
    stored = {f"p{number}": sample.image for number, sample in enumerate(samples)}
    np.savez(folder / "pictures.npz", **stored)
    results = harness.contest(
        contestants,
        __file__,
        settings={"folder": str(folder), "pictures": len(samples), "photographs": real},
        rounds=args.rounds,
        warmup=args.warmup,
        threads=args.threads,
    )
    for name, run in results["runs"].items() if real else ():
        run["quality"] = quality(samples, folder / f"{name}.npz")
        print(name, *(f"{key} {value:.4f}" for key, value in run["quality"].items()), sep="  ")
    print(harness.show(results))
    return results


def parsed():
    """Returns the command's words."""
    parser = harness.arguments(__doc__, rounds=20)
    parser.add_argument("--part", choices=("all", "memory", "file"), default="all")
    parser.add_argument("--model", default="portrait", metavar="DIR", help="or a model's name")
    parser.add_argument("--limit", type=int, metavar="N", help="the first photographs alone")
    sizes = contest.MEGAPIXELS
    parser.add_argument("--megapixels", type=int, nargs="+", default=sizes, metavar="N")
    parser.add_argument("--cold-rounds", type=int, default=5, metavar="N")
    return parser.parse_args()


def main() -> None:
    """Runs the contests, and measures what came out."""
    args = parsed()
    if args.worker:
        workers = {name: prepare for name, (prepare, _) in CONTESTANTS.items()}
        known = args.worker in workers
        harness.serve(workers if known else contest.workers([args.worker]), args.worker)
        return
    from tfseg.engine.named_models import find_model

    model = find_model(args.model).resolve()
    samples, real = pictures(args.limit)
    results = {"benchmark": "portrait", "model": str(model)}
    with tempfile.TemporaryDirectory() as name:
        if args.part != "memory":
            image = samples[0].image
            results["file"] = contest.run(__file__, image, model, Path(name), args)
        if args.part != "file":
            results["memory"] = in_memory(args, model, samples, real, Path(name))
    output = args.output or harness.ROOT / "benchmarks" / "results" / "portrait.json"
    print(f"wrote {harness.write(results, output)}")


if __name__ == "__main__":
    sys.exit(main())
