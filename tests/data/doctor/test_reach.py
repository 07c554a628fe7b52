"""Objects that do not reach a network are counted as the network counts them."""

import numpy as np

from tfseg.data import ListDataset, Subset
from tfseg.data.aligned import align_classes
from tfseg.data.dataset import Cached, Concat
from tfseg.data.doctor.reach import Limits, Reach, count_objects, survey
from tfseg.geometry.resize import SquareResize
from tfseg.structures import Sample

LIMITS = Limits(SquareResize(64, 64).plan, 64, 5, 7)


def picture(sides, size=(640, 800), name="a.jpg"):
    """Squares of these sides in a row, far apart."""
    masks = np.zeros((len(sides), *size), bool)
    for number, side in enumerate(sides):
        y, x = 40 + 45 * (number // 15), 5 + 50 * (number % 15)
        masks[number, y : y + side, x : x + side] = True
    image = np.zeros((*size, 3), np.uint8)
    return Sample(image, name, [1] * len(sides), masks, path=name)


def test_objects_that_vanish_are_those_that_the_resize_drops():
    sides = [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 20, 40]
    sample = picture(sides)
    limits = Limits(LIMITS.plan, 64)
    reach = Reach(limits)
    reach.add(sample)
    lost = len(sample) - len(limits.plan(sample.size).sample(sample))
    assert lost > 2
    ((code, message),) = reach.findings()
    assert code == "vanishing_objects" and message.startswith(f"{lost} of 12 objects")
    assert "image_size=64" in message and "a.jpg" in message
    factor = float(message.split("Raise image_size about ")[1].split(" times")[0])
    larger = SquareResize(round(64 * factor), round(64 * factor)).plan(sample.size).sample(sample)
    assert len(larger) == 12
    twice = Reach(limits)
    for name in ("a.jpg", "b.jpg"):
        twice.add(picture(sides, name=name))
    assert f"{2 * lost} of 24 objects" in twice.findings()[0][1]
    assert "on 2 images" in twice.findings()[0][1]


def test_objects_beyond_the_limits():
    reach = survey(ListDataset([picture([40] * 9), picture([40] * 3)], ("a",)), LIMITS)
    codes, texts = zip(*reach.findings())
    assert codes == ("many_objects", "many_detections") and reach.complete
    assert texts[0].startswith("4 of 12 objects") and "max_instances to 9" in texts[0]
    assert "1 image has more objects than max_detections=7" in texts[1]
    # What vanishes takes no place.
    small = survey(ListDataset([picture([40] * 5 + [1] * 2)], ("a",)), LIMITS)
    assert [code for code, _ in small.findings()] == ["vanishing_objects"]
    assert survey(ListDataset([picture([40] * 5), picture([])], ("a",)), LIMITS).findings() == []


class Listed:
    """Knows its numbers of objects without opening images; opening is noted."""

    class_names = ("a",)

    def __init__(self, counts):
        self.counts, self.opened = counts, 0

    def __len__(self):
        return len(self.counts)

    def count_objects(self, index):
        return self.counts[index]

    def __getitem__(self, index):
        self.opened += 1
        return picture([40] * self.counts[index], name=str(index))


def test_a_long_data_set_is_counted_from_its_annotations():
    data = Listed([3, 8] * 500)
    wrapped = align_classes(Concat([Subset(Cached(data), range(999)), data]), ("b", "a"))
    before = data.opened
    reach = survey(wrapped, LIMITS, seconds=0)
    assert data.opened - before <= 1
    assert reach.images == 1999 and reach.objects == 500 * 3 + 499 * 8 + 500 * 11
    assert "on 999 images" in reach.findings()[0][1]
    assert count_objects(ListDataset([picture([9])], ("a",)), 0) is None


def test_a_picture_that_cannot_be_read_does_not_end_the_survey():
    class Broken(Listed):
        def __getitem__(self, index):
            if index == 0:
                raise OSError("gone")
            return super().__getitem__(index)

    reach = survey(Broken([3, 8]), LIMITS)
    assert reach.images == 1 and not reach.complete and len(reach.findings()) == 2


def test_the_doctors_guess_is_that_of_the_light_recipe():
    from tfseg.config import load_config
    from tfseg.data.doctor.doctor import SMALLEST

    model = load_config("configs/mask_rcnn/clothing_light.yaml")["model"]
    names = ("image_size", "max_instances", "max_detections")
    assert [getattr(SMALLEST, name) for name in names] == [model[name] for name in names]
