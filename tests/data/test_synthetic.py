from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from each_case import each

from tfseg.data.synthetic import GARMENTS, SyntheticPeople, scene
from tfseg.data.synthetic.background import Place
from tfseg.data.synthetic.canvas import Canvas
from tfseg.data.synthetic.dice import Dice
from tfseg.structures import labels

PARTS = {name: number for number, name in enumerate(labels.CCIHP_ATTRIBUTES)}


@pytest.fixture(scope="module")
def persons():
    data = SyntheticPeople(160, size=128, seed=7)
    return [data[index] for index in range(len(data))]


@pytest.fixture(scope="module")
def clothes():
    data = SyntheticPeople(60, size=128, seed=7, classes="clothing")
    return [data[index] for index in range(len(data))]


def fingerprint(sample) -> str:
    digest = hashlib.sha256()
    arrays = [sample.image, sample.masks, sample.boxes, sample.class_ids, sample.annotation_ids]
    if sample.keypoints is not None:
        arrays.append(sample.keypoints)
    arrays += [sample.label_maps[name] for name in sorted(sample.label_maps)]
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


class TestDeterminism:
    def test_picture_depends_on_seed_index_and_size_alone(self):
        data = SyntheticPeople(6, size=96, seed=3)
        first = [fingerprint(data[index]) for index in range(6)]
        np.random.seed(99)
        np.random.rand(1000)
        again = SyntheticPeople(6, size=96, seed=3)
        assert [fingerprint(again[index]) for index in reversed(range(6))] == first[::-1]
        assert len(set(first)) == 6

    def test_threads_do_not_disturb_each_other(self):
        data = SyntheticPeople(12, size=64, seed=5)
        alone = [fingerprint(data[index]) for index in range(12)]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda index: fingerprint(data[index]), range(12)))
        assert together == alone

    def test_start_shifts_the_numbers(self):
        shifted = SyntheticPeople(3, size=64, seed=3, start=40)
        plain = SyntheticPeople(50, size=64, seed=3)
        assert fingerprint(shifted[2]) == fingerprint(plain[42])
        assert shifted[2].image_id == plain[42].image_id == 42

    def test_seeds_differ(self):
        one, two = SyntheticPeople(1, size=64, seed=0)[0], SyntheticPeople(1, size=64, seed=1)[0]
        assert fingerprint(one) != fingerprint(two)

    def test_fresh_process_draws_the_same(self):
        code = (
            "import cv2, hashlib, random; cv2.setNumThreads(1); random.seed(5)\n"
            "from tfseg.data.synthetic import SyntheticPeople\n"
            "s = SyntheticPeople(9, size=(80, 120), seed=12, people=3)[8]\n"
            "maps = b''.join(s.label_maps[k].tobytes() for k in sorted(s.label_maps))\n"
            "data = s.image.tobytes() + s.masks.tobytes() + s.keypoints.tobytes() + maps\n"
            "print(hashlib.sha256(data).hexdigest())"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        sample = SyntheticPeople(9, size=(80, 120), seed=12, people=3)[8]
        maps = b"".join(sample.label_maps[name].tobytes() for name in sorted(sample.label_maps))
        data = sample.image.tobytes() + sample.masks.tobytes() + sample.keypoints.tobytes() + maps
        assert run.stdout.strip() == hashlib.sha256(data).hexdigest()

    def test_classes_do_not_change_the_picture_unless_garments_are_selected(self, persons, clothes):
        for person, cloth in zip(persons[:20], clothes[:20], strict=True):
            np.testing.assert_array_equal(person.image, cloth.image)
            for name, value in person.label_maps.items():
                np.testing.assert_array_equal(value, cloth.label_maps[name])


class TestExactness:
    def test_masks_are_the_instance_map(self, persons):
        for sample in persons:
            instances = sample.label_maps["instances"]
            known = set(np.unique(instances).tolist()) - {0, 255}
            assert known == set(sample.annotation_ids.tolist())
            for mask, number in zip(sample.masks, sample.annotation_ids, strict=True):
                np.testing.assert_array_equal(mask, instances == number)
            assert (sample.masks.sum(axis=0) <= 1).all()

    def test_boxes_are_tight(self, persons, clothes):
        for sample in [*persons, *clothes]:
            for mask, box in zip(sample.masks, sample.boxes, strict=True):
                rows, columns = np.nonzero(mask)
                expected = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
                np.testing.assert_array_equal(box, expected)

    def test_attributes_lie_on_people_and_cover_them(self, persons):
        for sample in persons:
            maps = sample.label_maps
            np.testing.assert_array_equal(maps["attributes"] > 0, maps["instances"] > 0)

    def test_traits_lie_exactly_where_they_apply(self, persons):
        for sample in persons:
            maps = sample.label_maps
            expected = np.isin(maps["attributes"], labels.CCIHP_CHARACTERIZED)
            for name, table in (
                ("sizes", labels.CCIHP_SIZES),
                ("patterns", labels.CCIHP_PATTERNS),
                ("colors", labels.CCIHP_COLORS),
            ):
                np.testing.assert_array_equal(maps[name] > 0, expected)
                assert maps[name].max() < len(table)
            sparse = maps["sizes"] == labels.CCIHP_SIZES.index("sparse_bald")
            assert (maps["attributes"][sparse] == PARTS["hair"]).all()

    def test_visible_keypoints_lie_on_their_person(self, persons):
        seen = 0
        for sample in persons:
            height, width = sample.size
            for mask, points in zip(sample.masks, sample.keypoints, strict=True):
                for x, y, visibility in points:
                    if visibility == 0:
                        assert x == y == 0
                        continue
                    assert 0 <= x <= width - 1 and 0 <= y <= height - 1
                    if visibility == 2:
                        assert mask[int(y + 0.5), int(x + 0.5)]
                        seen += 1
        assert seen > 1000

    def test_visible_keypoints_lie_on_parts_that_carry_them(self, persons):
        worn = {"upper_clothes", "coat", "scarf", "torso_skin", "skirt", "pants"}
        allowed = {"nose": {"face", "glasses"}, "eye": {"face", "glasses"}, "ear": {"face"}}
        for side in ("left", "right"):
            arm, leg = {f"{side}_arm", "glove", "upper_clothes", "coat"}, {f"{side}_leg"}
            leg |= {"pants", "skirt", "coat", "socks", f"{side}_shoe"}
            allowed[f"{side}_shoulder"] = worn | arm
            allowed[f"{side}_hip"] = worn | leg | {"upper_clothes"}
            allowed |= {f"{side}_{joint}": arm for joint in ("elbow", "wrist")}
            allowed |= {f"{side}_{joint}": leg for joint in ("knee", "ankle")}
        for sample in persons:
            for points in sample.keypoints:
                for name, (x, y, visibility) in zip(labels.COCO_KEYPOINTS, points, strict=True):
                    if visibility == 2:
                        part = sample.label_maps["attributes"][int(y + 0.5), int(x + 0.5)]
                        key = name if name in allowed else name.split("_")[-1]
                        assert labels.CCIHP_ATTRIBUTES[part] in allowed[key], name

    def test_left_is_the_persons_own_left(self, persons):
        """Of a person who faces the viewer, the left side is on the image's right."""
        at = labels.COCO_KEYPOINTS.index
        arms = shoes = 0
        for sample in persons:
            attributes = sample.label_maps["attributes"]
            for mask, points in zip(sample.masks, sample.keypoints, strict=True):
                left, right = points[at("left_eye")], points[at("right_eye")]
                trunk = points[at("left_shoulder"), 0] - points[at("right_shoulder"), 0]
                if left[2] != 2 or right[2] != 2 or trunk < 0.12 * np.ptp(np.nonzero(mask)[0]):
                    continue
                assert left[0] > right[0]
                for pair in (("left_arm", "right_arm"), ("left_shoe", "right_shoe")):
                    columns = [np.nonzero(mask & (attributes == PARTS[n]))[1] for n in pair]
                    if min(map(len, columns)) < 4:
                        continue
                    correct = columns[0].mean() > columns[1].mean()
                    arms += (1 if correct else -1) if pair[0] == "left_arm" else 0
                    shoes += (1 if correct else -1) if pair[0] == "left_shoe" else 0
        # Crossed arms and strides may trade places, so nearly all, not all.
        assert arms > 20
        assert shoes > 20

    def test_ears_of_those_who_face_us_are_seen_on_their_sides(self, persons):
        at = labels.COCO_KEYPOINTS.index
        ears = []
        for points in np.concatenate([sample.keypoints for sample in persons]):
            if points[at("left_eye"), 2] == points[at("right_eye"), 2] == 2:
                for name, sign in (("left_ear", 1), ("right_ear", -1)):
                    x, _, visibility = points[at(name)]
                    ears.append(visibility)
                    if visibility == 2:
                        assert sign * (x - points[at("nose"), 0]) > -1.0
        assert np.mean(np.array(ears) == 2) > 0.5

    def test_nearer_people_are_painted_later(self):
        for seed in range(20):
            canvas = Canvas(90, 120)
            spots = scene._spots(Dice(seed), canvas, Place("park", 0.5), 7)
            bases = [spot.base for spot in spots]
            assert bases == sorted(bases)
            assert len(bases) == 7

    def test_later_people_lie_in_front(self, monkeypatch):
        """A quarter pixel that a person was painted on never shows an earlier one again."""
        paint, steps, sheets = scene._paint_one, [], []

        def watched(canvas, *rest):
            before = canvas.numbers.copy()
            points = paint(canvas, *rest)
            steps.append(canvas.numbers != before)
            sheets.append(canvas)
            return points

        monkeypatch.setattr(scene, "_paint_one", watched)
        scene.paint_scene(Dice(4, 2), (96, 96), 6)
        people = sheets[-1].table()["person"][sheets[-1].numbers]
        assert len(steps) == 6
        for number, changed in enumerate(steps, start=1):
            assert changed.any()
            earlier = (people > 0) & (people < number)
            assert not (earlier & changed).any()

    def test_clothing_agrees_with_the_attribute_map(self, clothes):
        pants, skirt, top, coat = (
            {PARTS[name]} for name in ("pants", "skirt", "upper_clothes", "coat")
        )
        expected = {"suit": coat | pants, "dress": top | skirt, "jeans": pants, "skirt": skirt}
        expected |= {"trousers": pants, "shorts": pants, "coat": coat, "jacket": coat}
        expected |= dict.fromkeys(("shirt", "t-shirt", "sweater"), top)
        expected |= dict.fromkeys(("scarf", "tie"), {PARTS["scarf"]})
        expected |= dict.fromkeys(("shoes", "boots"), {PARTS["left_shoe"], PARTS["right_shoe"]})
        expected |= {"hat": {PARTS["hat"]}, "gloves": {PARTS["glove"]}, "bag": {0}}
        expected |= {name: {PARTS[name]} for name in ("glasses", "socks", "mask")}
        assert set(expected) == set(GARMENTS)
        met = set()
        for sample in clothes:
            attributes = sample.label_maps["attributes"]
            for mask, class_id in zip(sample.masks, sample.class_ids, strict=True):
                name = GARMENTS[class_id - 1]
                met.add(name)
                assert set(np.unique(attributes[mask]).tolist()) <= expected[name], name
        assert met == set(GARMENTS)

    def test_one_instance_per_garment_and_person(self, clothes):
        for sample in clothes:
            assert (sample.masks.sum(axis=0) <= 1).all()
            assert sample.keypoints is None
            pairs = []
            for mask, class_id in zip(sample.masks, sample.class_ids, strict=True):
                wearers = np.unique(sample.label_maps["instances"][mask])
                assert len(wearers) == 1
                if wearers[0] not in (0, 255):
                    pairs.append((int(class_id), int(wearers[0])))
            assert len(pairs) == len(set(pairs))

    def test_all_cloth_pixels_belong_to_an_instance_or_are_slivers(self, clothes):
        for sample in clothes:
            attributes = sample.label_maps["attributes"]
            cloth = np.isin(attributes, labels.CCIHP_CHARACTERIZED) & (attributes != PARTS["hair"])
            left_over = cloth & ~sample.masks.any(axis=0)
            assert left_over.sum() < 4 * len(GARMENTS) * 4


class TestVariety:
    def test_every_attribute_trait_and_person_count_occurs(self, persons):
        maps = {name: set() for name in ("attributes", "sizes", "patterns", "colors")}
        for sample in persons:
            for name, values in maps.items():
                values.update(np.unique(sample.label_maps[name]).tolist())
        assert maps["attributes"] == set(range(20))
        assert maps["sizes"] == set(range(5))
        assert maps["patterns"] == set(range(5))
        assert maps["colors"] == set(range(13))
        assert {len(sample) for sample in persons} >= {0, 1, 2, 3, 4}

    def test_keypoints_of_every_visibility(self, persons):
        counts = np.zeros((17, 3), int)
        for sample in persons:
            for points in sample.keypoints:
                counts[np.arange(17), points[:, 2].astype(int)] += 1
        assert (counts[:, 1:] > 0).all()
        assert counts[:, 2].sum() > counts[:, 1].sum() > counts[:, 0].sum() > 100

    def test_heights_spread_over_the_picture(self, persons):
        heights = np.concatenate([s.boxes[:, 2] - s.boxes[:, 0] for s in persons]) / 128
        assert np.quantile(heights, 0.1) < 0.5 < np.quantile(heights, 0.75)
        assert np.median(heights) > 0.35

    def test_backgrounds_differ(self, persons):
        corners = np.array([sample.image[:8, :8].mean(axis=(0, 1)) for sample in persons])
        assert (corners.std(axis=0) > 25).all()

    def test_selected_garments_occur_in_balance(self):
        names = ("suit", "dress", "jeans")
        data = SyntheticPeople(120, size=64, classes=names)
        counts = np.zeros(4, int)
        for index in range(len(data)):
            for class_id in data[index].class_ids:
                counts[class_id] += 1
        assert data.class_names == names
        assert counts[1:].sum() > 180
        assert counts[1:].max() < 1.6 * counts[1:].min()

    @each("name", GARMENTS)
    def test_a_single_garment_is_worn_by_most(self, name):
        data = SyntheticPeople(6, size=64, people=(2, 2), classes=(name,))
        found = sum(len(data[index]) for index in range(len(data)))
        assert found >= 4


def test_a_tuple_of_person_means_persons():
    assert SyntheticPeople(1, classes=("person",)).class_names == ("person",)
