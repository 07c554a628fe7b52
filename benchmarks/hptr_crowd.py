"""Whether the time of HPTR grows with the crowd: 0, 2, 10, 18 and 40 people in images of one size.

ResNet-50, 512 x 512, batch 1, float32, random weights, which take as long as good ones. The network
runs as it is; what it says is then replaced by a crowd of so many people, each with eight parts,
so that decoding has the work that such an image makes. In each round, in turn:

- `all N`: the network, masks of all 40 queries computed, whatever the people;
- `kept N`: the network, masks of the queries that are returned, rounded up to a few fixed counts;
- `whole N`: `predict` from the array to people with attributes, masks of all queries computed;
- `predict N`: the same with kept queries, as users have it;
- `parsing alone`: the network without sizes, patterns and colours, masks of all queries.

Beside it, with `--model paper`, transformers' DetrForSegmentation with the same backbone, queries
and size, in the same rounds, if `--peer-python` has transformers and scipy: boxes and masks of
people, no maps. What is asked for: the slowest `all` within 1.05 of the fastest, `whole` within
1.25, no `kept` above `all` and no `predict` above `whole`, and `all` at most 1.15 of `parsing
alone`; ratios are of medians.

    python benchmarks/hptr_crowd.py --peer-python ../peer/bin/python
    python benchmarks/hptr_crowd.py --memory
    python benchmarks/hptr_crowd.py --training-memory
"""

from __future__ import annotations

import statistics
import sys
import time

import harness

CROWDS = (0, 2, 10, 18, 40)
QUERIES, ATTRIBUTES = 40, 8
LIMITS = {"all": 1.05, "whole": 1.25, "kept / all": 1.0, "predict / whole": 1.0, "tasks": 1.15}


def parser_of(settings: dict, **changes):
    """Returns an HPTR whose answers are replaced by a crowd's; `crowd` is set before each call."""
    import numpy as np

    import tfseg

    class Crowded(tfseg.HPTR):
        """Its network works, and then it sees as many people as it is told."""

        crowd = 0

        def _decode(self, outputs, plan, **facts):
            outputs = {**outputs, **crowd_of(self.crowd, outputs, self.config, np)}
            return super()._decode(outputs, plan, **facts)

    light = settings["model"] == "light"
    config = tfseg.HPTRConfig.light(queries=QUERIES) if light else tfseg.HPTRConfig()
    model = Crowded(config.replace(image_size=settings["size"], **changes))
    model.fitted = True
    return model


def crowd_of(count: int, outputs: dict, config, np) -> dict:
    """Returns raw outputs with so many people in a grid, each in horizontal parts."""
    _, rows, columns = outputs["masks"].shape
    across = max(1, int(np.ceil(count**0.5)))
    high, wide = rows // max(1, -(-count // across)), columns // across
    masks = np.full(outputs["masks"].shape, -8.0, np.float32)
    maps = {task: np.full(outputs[task].shape, -8.0, np.float32) for task in config.tasks}
    for logits in maps.values():
        logits[..., 0] = 0.0
    part = max(1, high // ATTRIBUTES)
    for person in range(count):
        top, left = person // across * high, person % across * wide
        masks[person, top : top + high - 1, left : left + wide - 1] = 8.0
        for number in range(ATTRIBUTES):
            place = np.s_[top + number * part : top + (number + 1) * part, left : left + wide - 1]
            for logits in maps.values():
                logits[(*place, 1 + (number + person) % (logits.shape[-1] - 1))] = 8.0
    scores = np.zeros(len(masks), np.float32)
    scores[:count] = 0.9
    return {"scores": scores, "masks": masks, **maps}


def between(scores, count: int) -> float:
    """Returns a threshold that the best `count` of some falling scores reach."""
    if count == 0:
        return 1.0
    if count >= len(scores):
        return 0.0
    return float(scores[count - 1] + scores[count]) / 2


def tfseg(settings: dict):
    """tfseg's HPTR, and another one for the maps of attributes alone."""
    import numpy as np

    from tfseg.engine.inputs import Item

    model = parser_of(settings)
    alone = parser_of(settings, sizes=(), patterns=(), colors=())
    side = settings["size"]
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    inputs, _ = model._predict_inputs(Item(image))
    batch = {name: value[None] for name, value in inputs.items()}

    def run(parser, threshold):
        return parser._run({**batch, "min_score": np.array([threshold], np.float32)})

    scores = run(model, 0.0)["scores"][0]
    limits = {count: between(scores, count) for count in CROWDS}
    jobs = {}
    for count in CROWDS:
        jobs[f"all {count}"] = lambda: run(model, 0.0)
        jobs[f"kept {count}"] = lambda count=count: run(model, limits[count])
        jobs[f"whole {count}"] = lambda count=count: _predict(model, image, count, 0.0)
        jobs[f"predict {count}"] = lambda count=count: _predict(model, image, count, limits[count])
    jobs["parsing alone"] = lambda: run(alone, 0.0)
    found = {count: len(jobs[f"predict {count}"]()) for count in CROWDS}
    if found != {count: count for count in CROWDS}:
        raise RuntimeError(f"expected crowds of {CROWDS}, found {found}")
    names = list(jobs)

    def step():
        # Another one begins each round, so that none always follows the same.
        names.append(names.pop(0))
        took = harness.Parts()
        for name in names:
            wall, cpu = time.perf_counter(), time.process_time()
            jobs[name]()
            took[f"wall {name}"] = time.perf_counter() - wall
            took[f"cpu {name}"] = time.process_time() - cpu
        return took

    return step, {"versions": f"tensorflow {_version('tensorflow')}, keras {_version('keras')}"}


def _predict(model, image, count: int, threshold: float) -> object:
    model.crowd = count
    (found,) = model.predict(image, score_threshold=threshold)
    return found


def transformers(settings: dict):
    """DETR with masks for all queries, as transformers has it."""
    import torch
    import transformers as library

    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    backbone = library.ResNetConfig(out_features=["stage1", "stage2", "stage3", "stage4"])
    config = library.DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=backbone,
        num_queries=QUERIES,
        num_labels=1,
    )
    model = library.DetrForSegmentation(config).eval()
    side = settings["size"]
    pixels = torch.randn(1, 3, side, side)

    @torch.inference_mode()
    def step():
        return model(pixel_values=pixels).pred_masks

    shape = tuple(step().shape)
    versions = f"torch {torch.__version__}, transformers {library.__version__}"
    return step, {"masks": shape, "versions": versions}


WORKERS = {"tfseg": tfseg, "transformers": transformers}


def verdict(run: dict, clock: str) -> list[str]:
    """Returns lines about the medians of one clock, and what was asked for.

    Args:
        run: Name to seconds of each round.
        clock: "wall" or "cpu".
    """
    times = {
        name.removeprefix(f"{clock} "): statistics.median(values)
        for name, values in run.items()
        if name.startswith(f"{clock} ")
    }
    lines = [f"{clock} seconds, medians"]
    for kind in ("all", "kept", "whole", "predict"):
        row = "  ".join(f"{count}: {times[f'{kind} {count}']:.4f}" for count in CROWDS)
        lines.append(f"  {kind:<8} {row}")
    lines.append(f"  parsing alone {times['parsing alone']:.4f}")
    alls = [times[f"all {count}"] for count in CROWDS]
    whole = [times[f"whole {count}"] for count in CROWDS]
    ratios = {
        "all": max(alls) / min(alls),
        "whole": max(whole) / min(whole),
        "kept / all": max(times[f"kept {c}"] / times[f"all {c}"] for c in CROWDS),
        "predict / whole": max(times[f"predict {c}"] / times[f"whole {c}"] for c in CROWDS),
        "tasks": statistics.median(alls) / times["parsing alone"],
    }
    for name, value in ratios.items():
        lines.append(f"  {name}: {value:.3f}, asked for: at most {LIMITS[name]}")
    return lines


def memory(settings: dict) -> None:
    """Prints the most memory that a process needs to predict one image with 40 people."""
    import resource

    import numpy as np

    model = parser_of(settings)
    model.crowd = QUERIES
    side = settings["size"]
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    for _ in range(3):
        (found,) = model.predict(image, score_threshold=0.0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(found)} people at {side} x {side}: peak memory {peak:.2f} GiB (asked for: below 2)"
    )


def training_memory(settings: dict) -> None:
    """Prints the most memory that a process needs for training steps of two images."""
    import dataclasses
    import resource

    import tfseg
    from tfseg.config.train import Stage

    light = settings["model"] == "light"
    config = tfseg.HPTRConfig.light() if light else tfseg.HPTRConfig()
    stages = (Stage(epochs=1, layers="all" if light else "detr"),)
    train = dataclasses.replace(config.train, batch_size=2, steps_per_epoch=3, stages=stages)
    model = tfseg.HPTR(config.replace(image_size=settings["size"], train=train))
    images = tfseg.data.SyntheticPeople(length=6, size=settings["size"], people=(1, 4))
    model.fit(images)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    side = settings["size"]
    print(f"steps of 2 images of {side} x {side}: peak memory {peak:.2f} GiB (asked for: below 8)")


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def main() -> None:
    """Runs the contest, or measures memory."""
    parser = harness.arguments(__doc__, rounds=5)
    parser.add_argument("--model", choices=["paper", "light"], default="paper")
    parser.add_argument("--size", type=int, default=512, help="side of the image; default: 512")
    parser.add_argument("--memory", action="store_true", help="peak memory alone")
    parser.add_argument("--training-memory", action="store_true", help="of training steps, alone")
    args = parser.parse_args()
    if args.worker:
        harness.serve(WORKERS, args.worker)
        return
    settings = {"model": args.model, "size": args.size}
    if args.memory:
        memory(settings)
        return
    if args.training_memory:
        training_memory(settings)
        return
    contestants = [harness.Contestant("tfseg")]
    if args.model == "paper":  # the light one has another backbone than the peer
        peer = harness.Contestant("transformers", python=args.peer_python, peer=True)
        contestants.append(peer)
    results = harness.contest(
        contestants,
        __file__,
        settings=settings,
        rounds=args.rounds,
        warmup=args.warmup,
        threads=args.threads,
    )
    results["benchmark"] = f"hptr_crowd_{args.model}_{args.size}"
    results["verdict"] = lines = _lines(results)
    print("\n".join(lines))
    name = f"{results['benchmark']}.json"
    output = args.output or harness.ROOT / "benchmarks" / "results" / name
    print(f"wrote {harness.write(results, output)}")


def _lines(results: dict) -> list[str]:
    """Returns the table. The peer's step is one network; ours is a round of all, told apart."""
    runs = results["runs"]
    lines = [*verdict(runs["tfseg"], "wall"), *verdict(runs["tfseg"], "cpu")]
    if "transformers" in runs:
        for clock in ("wall", "cpu"):
            theirs = statistics.median(runs["transformers"][clock])
            ours = statistics.median(runs["tfseg"][f"{clock} all 40"])
            lines.append(
                f"transformers: {theirs:.4f} {clock} s; all 40 takes {ours / theirs:.2f} of it"
            )
    return [*lines, *(f"skipped {name}: {why}" for name, why in results["skipped"].items())]


if __name__ == "__main__":
    sys.exit(main())
