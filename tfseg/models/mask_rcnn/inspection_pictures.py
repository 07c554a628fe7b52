"""The steps of an inspection as images: what to draw of them, and in which colours."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.visualize.boxes import draw_boxes, draw_heat, enlarge, mask_sheet
from tfseg.visualize.colors import palette
from tfseg.visualize.draw import draw
from tfseg.visualize.gallery import grid
from tfseg.visualize.picture_page import Plate

__all__ = ["plates"]

# So many boxes can be told apart on one image.
_FEW, _SOME, _MANY = 24, 50, 100
_LABELLED = 8
_MIN_SIDE = 448
_LEVELS = palette(6)[[1, 3, 2, 5, 4]]  # colours of P2 to P6
_TRUTH, _GREY = (255, 255, 255), (120, 124, 132)


def plates(inspection) -> tuple[Plate, ...]:
    """Returns the images of an `Inspection`, step by step."""
    first = _input(inspection)
    inspection = _enlarged(inspection)
    parts = (_anchors, _objectness, _top_anchors, _proposals, _roi_levels, _box_head)
    made = [first, *(part(inspection) for part in (*parts, _suppression, _masks, _detections))]
    if inspection.truth is not None:
        learnt = (_anchor_matches, _roi_targets, _mask_targets)
        made += [part(inspection.truth, inspection.class_names) for part in learnt]
    return tuple(made)


def _enlarged(seen):
    """Returns the inspection with a small input, and its boxes, made large enough to draw on."""
    truth = seen.truth
    if truth is not None:
        square, factor = enlarge(truth.square, _MIN_SIDE)
        names = ("boxes", "anchors", "rois")
        scaled = {name: getattr(truth, name) * factor for name in names}
        truth = dataclasses.replace(truth, square=square, **scaled)
    square, factor = enlarge(seen.square, _MIN_SIDE)
    names = ("window", "candidates", "proposals", "refined")
    return dataclasses.replace(
        seen,
        square=square,
        anchors=tuple(level * factor for level in seen.anchors),
        detections=seen.detections * np.float32([factor] * 4 + [1, 1]),
        truth=truth,
        **{name: getattr(seen, name) * factor for name in names},
    )


def _input(seen) -> Plate:
    original = "{} x {}".format(*seen.image.shape[:2])
    height, width = seen.square.shape[:2]
    square, factor = enlarge(seen.square, _MIN_SIDE)
    return Plate(
        "input",
        "Input",
        f"The image of {original} pixels, fitted into {height} x {width}. The frame is the "
        "window that holds it; boxes are cut there.",
        draw_boxes(square, seen.window * factor, palette(2)[1]),
    )


def _level_names(seen) -> list[str]:
    return [f"P{level}" for level in range(2, 2 + len(seen.anchors))]


def _anchors(seen) -> Plate:
    boxes, colours, words = [], [], []
    for level, (anchors, scores) in enumerate(zip(seen.anchors, seen.objectness)):
        rows, columns, ratios = scores.shape
        middle = (rows // 2 * columns + columns // 2) * ratios
        boxes.append(anchors[middle : middle + ratios])
        colours += [_LEVELS[level]] * ratios
        words.append(f"{_level_names(seen)[level]}: {rows} x {columns} x {ratios}")
    return Plate(
        "anchors",
        "Anchors",
        f"Those of the middle cell of each pyramid level. Rows, columns and shapes: "
        f"{'; '.join(words)}.",
        draw_boxes(seen.square, np.concatenate(boxes), np.array(colours)),
    )


def _objectness(seen) -> Plate:
    best = [scores.max(axis=2) for scores in seen.objectness]
    captions = [f"{n}, best {b.max():.2f}" for n, b in zip(_level_names(seen), best)]
    return Plate(
        "objectness",
        "Objectness",
        "What the region proposal network thinks holds an object: the best anchor of each cell, "
        "dark for 0, bright for 1.",
        grid([draw_heat(seen.square, b) for b in best], captions, columns=3),
    )


def _top_anchors(seen) -> Plate:
    top = seen.top_anchors[:_SOME]
    anchors, scores = (
        np.concatenate(seen.anchors)[top],
        np.concatenate([level.reshape(-1) for level in seen.objectness])[top],
    )
    starts = np.cumsum([0, *map(len, seen.anchors)])
    colours = _LEVELS[np.searchsorted(starts, top, side="right") - 1]
    return Plate(
        "top_anchors",
        "Best anchors before refinement",
        f"The {len(top)} of highest objectness, {scores.min():.3f} to {scores.max():.3f}, coloured "
        "by level as above.",
        draw_boxes(seen.square, anchors, colours),
    )


def _proposals(seen) -> Plate:
    before = draw_boxes(seen.square, seen.candidates[:_MANY], palette(3)[2])
    after = draw_boxes(seen.square, seen.proposals[:_MANY], palette(2)[1])
    captions = [
        f"before suppression: best {min(_MANY, len(seen.candidates))} of {len(seen.candidates)}",
        f"after: best {min(_MANY, len(seen.proposals))} of {len(seen.proposals)}",
    ]
    return Plate(
        "proposals",
        "Proposals",
        "Anchors moved by their regression and cut to the input; boxes that overlap a better one "
        "too much then go.",
        grid([before, after], captions, columns=2),
    )


def _roi_levels(seen) -> Plate:
    levels = seen.roi_levels
    counts = [f"P{level}: {int((levels == level).sum())}" for level in range(2, 6)]
    pictures = [
        draw_boxes(seen.square, seen.proposals[levels == level][:_FEW], _LEVELS[level - 2])
        for level in range(2, 6)
    ]
    return Plate(
        "roi_levels",
        "Pyramid levels of the proposals",
        "Large proposals take their features from coarse levels, small ones from fine levels; the "
        f"best {_FEW} of each are drawn.",
        grid(pictures, counts, columns=2),
    )


def _name(names: tuple, class_id: int) -> str:
    return names[class_id - 1] if 0 < class_id <= len(names) else f"class {class_id}"


def _box_head(seen) -> Plate:
    ids, scores = seen.probabilities.argmax(axis=1), seen.probabilities.max(axis=1)
    order = np.lexsort((-scores, ids == 0))[:_FEW]
    colours = palette(max(len(seen.class_names), 1) + 1)
    shades = np.array([_GREY if ids[i] == 0 else colours[ids[i] - 1] for i in order], np.uint8)
    words = [
        f"{'background' if ids[i] == 0 else _name(seen.class_names, ids[i])} {scores[i]:.2f}"
        for i in order[:_LABELLED]
    ]
    words += [""] * (len(order) - len(words))
    objects = int((ids > 0).sum())
    return Plate(
        "box_head",
        "Classes of the proposals",
        f"What the box head says of the proposals, before it moves them: {objects} of {len(ids)} "
        f"are most likely an object. Broken lines: the proposals of the {len(order)} surest.",
        draw_boxes(
            seen.square, seen.proposals[order], shades.reshape(-1, 3), words=words, dashed=True
        ),
    )


def _suppression(seen) -> Plate:
    def drawn(boxes, ids, scores):
        colours = palette(int(ids.max(initial=0)) + 1)[ids - 1]
        words = [f"{_name(seen.class_names, i)} {s:.2f}" for i, s in zip(ids, scores)]
        words[_LABELLED:] = [""] * (len(words) - _LABELLED)
        return draw_boxes(seen.square, boxes, colours.reshape(-1, 3), words=words)

    few = slice(_FEW)
    boxes, ids = seen.detections[:, :4], seen.detections[:, 4].astype(int)
    return Plate(
        "suppression",
        "Refined boxes",
        "Proposals moved by the regression of their class, left; right, what remains when boxes "
        "of the same class that overlap a better one too much have gone.",
        grid(
            [
                drawn(seen.refined[few], seen.refined_ids[few], seen.refined_scores[few]),
                drawn(boxes[few], ids[few], seen.detections[few, 5]),
            ],
            [f"before: {len(seen.refined)}", f"after: {len(boxes)}"],
            columns=2,
        ),
    )


def _masks(seen) -> Plate:
    few = slice(_FEW)
    rows = seen.detections[few]
    words = [f"{_name(seen.class_names, int(row[4]))} {row[5]:.2f}" for row in rows]
    size = " x ".join(map(str, seen.masks.shape[1:]))
    return Plate(
        "masks",
        "Masks",
        f"What the mask head says of each detection's box, {size} probabilities; above one half "
        "is inside.",
        mask_sheet(seen.masks[few], words, _crops(seen.square, rows[:, :4])),
    )


def _detections(seen) -> Plate:
    return Plate(
        "detections",
        "Prediction",
        f"The {len(seen.prediction)} objects that predict returns, in the image's own pixels.",
        draw(seen.image, seen.prediction, min_side=320),
    )


def _crops(image: np.ndarray, boxes: np.ndarray) -> list[np.ndarray]:
    height, width = image.shape[:2]
    limits = (height, width, height, width)
    corners = np.rint(np.clip(np.nan_to_num(boxes), 0, limits)).astype(int)
    return [image[y1:y2, x1:x2] for y1, x1, y2, x2 in corners]


def _anchor_matches(truth, names) -> Plate:
    counts = {kind: int((truth.anchor_match == kind).sum()) for kind in (1, -1, 0)}
    negative = truth.anchors[truth.anchor_match == -1]
    # Evenly from all levels and places: in their own order the finest ones come first.
    negative = negative[np.linspace(0, len(negative) - 1, min(_SOME, len(negative))).astype(int)]
    positive = truth.anchors[truth.anchor_match == 1][:_MANY]
    picture = draw_boxes(truth.square, negative, _GREY, line=1)
    picture = draw_boxes(picture, positive, palette(4)[3])
    return Plate(
        "anchor_matches",
        "What the anchors should learn",
        f"Truth in white, {counts[1]} positive anchors in green, {counts[-1]} negative ones in "
        f"grey (at most {_SOME} drawn); {counts[0]:,} are neutral. One random draw.",
        draw_boxes(picture, truth.boxes, _TRUTH, dashed=True),
    )


def _roi_targets(truth, names) -> Plate:
    places = len(truth.positive)
    positive = truth.rois[:places][truth.positive]
    negative = truth.rois[places:][truth.valid[places:]]
    ids = truth.roi_class_ids[:places][truth.positive]
    colours = palette(len(names) + 1)[ids - 1].reshape(-1, 3)
    picture = draw_boxes(truth.square, negative[:_SOME], _GREY, line=1)
    picture = draw_boxes(picture, positive[:_MANY], colours[:_MANY])
    return Plate(
        "roi_targets",
        "What the heads should learn from",
        f"{len(positive)} positive RoIs in the colours of their classes, {len(negative)} of the "
        "background in grey, truth in white. One random draw.",
        draw_boxes(picture, truth.boxes, _TRUTH, dashed=True),
    )


def _mask_targets(truth, names) -> Plate:
    chosen = np.flatnonzero(truth.positive)[:_FEW]
    words = [_name(names, int(i)) for i in truth.roi_class_ids[chosen]]
    return Plate(
        "mask_targets",
        "What the mask head should say",
        "Each positive RoI of the image beside its part of the object's mask.",
        mask_sheet(truth.mask_targets[chosen], words, _crops(truth.square, truth.rois[chosen])),
    )
