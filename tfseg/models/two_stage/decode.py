"""From the network's detections in the square to a prediction in the image's own pixels."""

from __future__ import annotations

import numpy as np

from tfseg.geometry.resize import ResizePlan
from tfseg.structures import Prediction, rle
from tfseg.structures.pasting import PASTES

__all__ = ["decode"]


def decode(
    detections: np.ndarray,
    masks: np.ndarray,
    plan: ResizePlan,
    *,
    class_names: tuple[str, ...] = (),
    score_threshold: float | None = None,
    mask_paste: str = "box",
    image_id: int | str = 0,
    path: str | None = None,
) -> Prediction:
    """Returns the prediction of one image.

    Args:
        detections: float32 `(D, 6)`: y1, x1, y2, x2 in pixels of the square, class, score; rows
            of class 0 are padding.
        masks: float32 `(D, m, m)`, probabilities within the boxes.
        plan: How the image was fitted into the square.
        class_names: Name of class id k at k - 1.
        score_threshold: Drops what scores less; None keeps all.
        mask_paste: "box", "faded" or "expanded", see `RegionSettings`.
        image_id: For the prediction.
        path: For the prediction.

    Returns:
        Boxes cut to the image; objects whose box rounds to no pixel are dropped. A mask may be
        empty where no probability reaches one half; its box still counts.
    """
    found = detections[:, 4] > 0
    if score_threshold is not None:
        found &= detections[:, 5] >= score_threshold
    detections, masks = detections[found], masks[found]
    boxes = plan.undo_boxes(detections[:, :4], clip=True)
    paste = PASTES[mask_paste]
    kept, rles = [], []
    for index, (box, mask) in enumerate(zip(boxes, masks, strict=True)):
        crop, top, left = paste(mask, box, plan.original)
        if crop.size:
            kept.append(index)
            rles.append(rle.encode_crop(crop, top, left, plan.original))
    kept = np.array(kept, np.int64)
    return Prediction(
        size=plan.original,
        boxes=boxes[kept],
        class_ids=detections[kept, 4].astype(np.int32),
        scores=detections[kept, 5],
        rles=tuple(rles),
        class_names=class_names,
        image_id=image_id,
        path=path,
    )
