"""The classes of COCO, by which the published weights of other programs are numbered."""

from __future__ import annotations

__all__ = ["COCO_NAMES", "COCO_UNUSED_IDS", "class_names"]

_NAMES = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,"
    "stop sign,parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,"
    "backpack,umbrella,handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,"
    "baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,"
    "fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,"
    "cake,chair,couch,potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,"
    "cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,"
    "hair drier,toothbrush"
)
COCO_NAMES = tuple(_NAMES.split(","))
"""The 80 classes in the order of their COCO ids."""

COCO_UNUSED_IDS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
"""Ids between 1 and 90 that COCO planned and never annotated."""


def class_names(count: int) -> tuple[str, ...]:
    """Returns the names of a file's classes, without the background, by their number.

    Args:
        count: 80 is COCO without gaps, as matterport/Mask_RCNN numbers it; 90 is COCO by its own
            ids, as torchvision does, with "N/A 12" and the like where COCO has no class; of any
            other number nothing is known: class_1, class_2, ...
    """
    if count == len(COCO_NAMES):
        return COCO_NAMES
    if count == len(COCO_NAMES) + len(COCO_UNUSED_IDS):
        names = iter(COCO_NAMES)
        return tuple(
            f"N/A {number}" if number in COCO_UNUSED_IDS else next(names)
            for number in range(1, count + 1)
        )
    return tuple(f"class_{number}" for number in range(1, count + 1))
