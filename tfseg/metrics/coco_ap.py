"""COCO average precision and recall, computed by pycocotools itself."""

from __future__ import annotations

import math
import types
from collections.abc import Sequence

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tfseg.errors import ConfigError, DataError
from tfseg.metrics.pairing import Pair, check_class_names, pair
from tfseg.structures import Prediction, Report, Sample, rle

__all__ = ["CocoAP"]

_AREAS = {"": "all", "s": "small", "m": "medium", "l": "large"}
_MEDIUM_AND_LARGE = {"ml": "medium and large"}
_ALL_FROM = [32.0**2, 1e10]  # COCOeval's upper end of everything is 1e5 squared
_MAX_DETECTIONS = (1, 10, 100)


def _silent(function):
    """Returns the function with a `print` of its own that says nothing.

    pycocotools prints its progress. Redirecting `sys.stdout` would also swallow what other
    threads print in the meantime; this touches nothing outside the function.
    """
    names = {**function.__globals__, "print": lambda *values, **options: None}
    return types.FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )


class _QuietCOCO(COCO):
    createIndex = _silent(COCO.createIndex)  # noqa: N815


class _QuietEval(COCOeval):
    evaluate = _silent(COCOeval.evaluate)
    accumulate = _silent(COCOeval.accumulate)


class CocoAP:
    """COCO's average precision and recall for boxes and masks, overall, per class and by area.

    Keeps run lengths alone, so ten thousand images fit in memory. The numbers are those of
    plain pycocotools on the same data as JSON, with three readings stated: a number without any
    truth behind it is NaN instead of -1; an object's area is its mask's pixel count; for masks,
    predictions are sorted into area ranges by mask area (as with a result file without boxes).
    Small is below 32² pixels, large above 96². Up to 100 predictions per image and class.

    Args:
        class_names: Name of class id k at position k - 1, without the background.
        levels: The single overlaps to report beside the mean, each one of COCO's ten: 0.50, 0.55,
            ..., 0.95. Portrait instances are measured at 0.5, 0.6, ..., 0.9.
        medium_and_large: Report AP and AR of all that is not small too, as `APml` and `ARml`: of
            COCO's people with keypoints none is small.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        *,
        levels: Sequence[float] = (0.5, 0.75),
        medium_and_large: bool = False,
    ):
        self._areas = {**_AREAS, **(_MEDIUM_AND_LARGE if medium_and_large else {})}
        self.class_names = check_class_names(class_names)
        self.levels = _checked_levels(levels)
        self._pairs: dict = {}

    def update(self, sample: Sample, prediction: Prediction, *, paired: Pair | None = None):
        """Adds one image.

        Args:
            sample: The truth. Crowd regions neither reward nor punish.
            prediction: What was found, in pixels of the original image.
            paired: The result of `pairing.pair` for the two, where a caller has it already.

        Raises:
            DataError: If the image was added before, or does not fit its prediction.
        """
        if sample.image_id in self._pairs:
            raise DataError(
                f"{sample.where}: this image id was evaluated before. Every image needs an id "
                f"of its own; tfseg doctor lists duplicates."
            )
        paired = paired or pair(sample, prediction, len(self.class_names))
        self._pairs[sample.image_id] = (_truths(paired), _results(paired), paired.size)

    def compute(self) -> Report:
        """Returns the report: metrics `bbox/AP`, `bbox/AP50`, `bbox/AP75` (or those of `levels`),
        `bbox/APs`, `APm`, `APl`, `bbox/AR1`, `AR10`, `AR100`, `ARs`, `ARm`, `ARl` and the same
        for `segm/`; AP, AP50 and AP by area per class; curves `bbox/PR50` and `segm/PR50` with
        precision and score at 101 recalls for the classes that have truth."""
        metrics, per_class, curves = {}, {}, {}
        for kind in ("segm", "bbox"):
            result = self._run(kind)
            metrics.update(_summary(kind, result, self.levels, self._areas))
            per_class.update(self._by_class(kind, result))
            curves[f"{kind}/PR50"] = self._curves(result)
        return Report(metrics, per_class, curves)

    def resampled(self, draws: int, *, seed: int = 0) -> list[Report]:
        """Returns the reports of as many sets of images drawn from these with replacement, a
        bootstrap: the spread of a number over them is how sure it is. Without curves.

        Two models that were measured on the same images get the same draws from the same seed, so
        that differences can be taken draw by draw.

        Args:
            draws: How many; 0.1 to 0.5 seconds each for a few classes.
            seed: Of the draws.
        """
        random = np.random.default_rng(seed)
        picks = [random.integers(0, len(self._pairs), len(self._pairs)) for _ in range(draws)]
        reports = [({}, {}) for _ in picks]
        for kind in ("segm", "bbox"):
            evaluation = self._evaluation(kind)
            per_image = np.empty(len(evaluation.evalImgs), object)
            per_image[:] = evaluation.evalImgs  # class, area, image; the image runs fastest
            per_image = per_image.reshape(-1, max(len(self._pairs), 1))
            for pick, (metrics, per_class) in zip(picks, reports, strict=True):
                evaluation.evalImgs = per_image[:, pick].ravel().tolist()
                evaluation.accumulate()
                metrics.update(_summary(kind, evaluation.eval, self.levels, self._areas))
                per_class.update(self._by_class(kind, evaluation.eval))
        return [Report(*numbers) for numbers in reports]

    def _run(self, kind: str) -> dict:
        """Returns pycocotools' `eval` dict for "bbox" or "segm"."""
        evaluation = self._evaluation(kind)
        evaluation.accumulate()
        return evaluation.eval

    def _evaluation(self, kind: str) -> COCOeval:
        """Returns pycocotools' matches of all images for "bbox" or "segm"."""
        categories = [{"id": i, "name": n} for i, n in enumerate(self.class_names, start=1)]
        images, truths, results = [], [], []
        # COCOeval visits images by rising id, which decides between equal scores.
        ordered = sorted(self._pairs.items(), key=lambda item: _rank(item[0]))
        for number, (_, (truth, found, size)) in enumerate(ordered, start=1):
            images.append({"id": number, "height": size[0], "width": size[1]})
            truths += [{**record, "image_id": number} for record in truth]
            results += [{**record, "image_id": number} for record in found]
        for records in (truths, results):
            # Ids from 1: COCOeval takes a match with annotation 0 for no match.
            for number, record in enumerate(records, start=1):
                record["id"] = number
        for record in results:
            area = record.pop("mask_area")
            record["area"] = area if kind == "segm" else record["bbox"][2] * record["bbox"][3]
        evaluation = _QuietEval(
            _index(images, categories, truths), _index(images, categories, results), kind
        )
        evaluation.params.maxDets = list(_MAX_DETECTIONS)
        if len(self._areas) > len(_AREAS):
            evaluation.params.areaRng = [*evaluation.params.areaRng, _ALL_FROM]
            evaluation.params.areaRngLbl = list(self._areas.values())
        evaluation.params.catIds = [category["id"] for category in categories]
        evaluation.evaluate()
        return evaluation

    def _by_class(self, kind: str, result: dict) -> dict:
        precision = result["precision"][..., -1]  # (iou, recall, class, area)
        table = {}
        for suffix, position in zip(_AREAS, range(len(_AREAS)), strict=True):
            table[f"AP{suffix}"] = [_mean(column) for column in _classes(precision[..., position])]
        table["AP50"] = [_mean(column) for column in _classes(precision[:1, ..., 0])]
        order = ("AP", "AP50", "APs", "APm", "APl")
        return {
            f"{kind}/{key}": dict(zip(self.class_names, table[key], strict=True)) for key in order
        }

    def _curves(self, result: dict) -> dict:
        curves = {}
        for position, name in enumerate(self.class_names):
            precision = result["precision"][0, :, position, 0, -1]
            if (precision > -1).all():
                curves[name] = {
                    "recall": result["params"].recThrs.tolist(),
                    "precision": precision.tolist(),
                    "score": result["scores"][0, :, position, 0, -1].tolist(),
                }
        return curves


def _rank(image_id) -> tuple:
    if isinstance(image_id, (int, float, np.number)):
        return 0, image_id, ""
    return 1, 0, str(image_id)


def _index(images: list, categories: list, annotations: list) -> COCO:
    coco = _QuietCOCO()
    coco.dataset = {"images": images, "categories": categories, "annotations": annotations}
    coco.createIndex()
    return coco


def _records(ids: np.ndarray, boxes: np.ndarray, rles: tuple[dict, ...]) -> list[dict]:
    return [
        {
            "category_id": int(class_id),
            "bbox": [box[1], box[0], box[3] - box[1], box[2] - box[0]],
            "segmentation": mask,
        }
        for class_id, box, mask in zip(ids, boxes.tolist(), rles, strict=True)
    ]


def _truths(paired: Pair) -> list[dict]:
    records = _records(paired.truth_ids, paired.truth_boxes, paired.truth_rles)
    areas = rle.area(paired.truth_rles)
    for record, crowd, area in zip(records, paired.crowd, areas, strict=True):
        record.update(iscrowd=int(crowd), area=float(area))
    return records


def _results(paired: Pair) -> list[dict]:
    records = _records(paired.predicted_ids, paired.predicted_boxes, paired.predicted_rles)
    areas = rle.area(paired.predicted_rles)
    for record, score, area in zip(records, paired.scores, areas, strict=True):
        record.update(iscrowd=0, score=float(score), mask_area=float(area))
    return records


def _classes(values: np.ndarray):
    """Yields the values of each class; the class is the last axis."""
    return np.moveaxis(values, -1, 0)


def _mean(values: np.ndarray) -> float:
    """Returns the mean of what is defined; COCOeval writes -1 where there is no truth."""
    known = values[values > -1]
    return float(np.mean(known)) if known.size else math.nan


def _checked_levels(levels: Sequence[float]) -> tuple[float, ...]:
    known = np.linspace(0.5, 0.95, 10)
    for level in levels:
        if not np.isclose(known, level).any():
            raise ConfigError(
                f"levels: expected overlaps among 0.50, 0.55, ..., 0.95, got {level!r}."
            )
    return tuple(levels)


def _summary(kind: str, result: dict, levels: tuple, areas: Sequence[str]) -> dict[str, float]:
    """Returns the numbers of `COCOeval.summarize` by name, AP at other overlaps if asked for."""
    precision, recall = result["precision"], result["recall"]  # (iou, recall, class, area, max)
    thresholds = result["params"].iouThrs
    summary = {"AP": _mean(precision[..., 0, -1])}
    for level in levels:
        at = np.flatnonzero(np.isclose(thresholds, level))
        summary[f"AP{round(100 * level)}"] = _mean(precision[at, ..., 0, -1])
    for position, suffix in list(enumerate(areas))[1:]:
        summary[f"AP{suffix}"] = _mean(precision[..., position, -1])
    for position, limit in enumerate(_MAX_DETECTIONS):
        summary[f"AR{limit}"] = _mean(recall[..., 0, position])
    for position, suffix in list(enumerate(areas))[1:]:
        summary[f"AR{suffix}"] = _mean(recall[..., position, -1])
    return {f"{kind}/{name}": value for name, value in summary.items()}
