from __future__ import annotations

from tfseg.structures import labels


def test_keypoint_flip_swaps_exactly_the_names_left_and_right():
    names = labels.COCO_KEYPOINTS
    assert len(names) == len(set(names)) == 17
    for position, partner in enumerate(labels.COCO_KEYPOINT_FLIP):
        swapped = {"l": "right", "r": "left"}.get(names[position][0])
        expected = names[position]
        if swapped and "_" in names[position]:
            expected = f"{swapped}_{names[position].split('_', 1)[1]}"
        assert names[partner] == expected


def test_skeleton_joins_each_limb_and_is_its_own_mirror_image():
    bones = {frozenset(bone) for bone in labels.COCO_SKELETON}
    assert len(bones) == 19
    flip = labels.COCO_KEYPOINT_FLIP
    assert {frozenset(flip[joint] for joint in bone) for bone in bones} == bones
    at = labels.COCO_KEYPOINTS.index
    for side in ("left", "right"):
        for chain in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")):
            for first, second in zip(chain, chain[1:], strict=False):
                assert frozenset((at(f"{side}_{first}"), at(f"{side}_{second}"))) in bones


def test_attribute_numbers_follow_the_ccihp_table():
    numbers = {name: number for number, name in enumerate(labels.CCIHP_ATTRIBUTES)}
    assert len(numbers) == 20
    expected = {"hat": 1, "glasses": 4, "mask": 6, "coat": 7, "pants": 9, "torso_skin": 10}
    expected |= {"scarf": 11, "skirt": 12, "face": 13, "left_arm": 14, "right_shoe": 19}
    assert expected.items() <= numbers.items()


def test_label_map_flips_swap_left_and_right_names():
    for first, second in labels.LABEL_MAP_FLIPS["attributes"]:
        left, right = labels.CCIHP_ATTRIBUTES[first], labels.CCIHP_ATTRIBUTES[second]
        assert left.replace("left", "right") == right
    sided = [n for n in labels.CCIHP_ATTRIBUTES if n.startswith(("left_", "right_"))]
    assert len(sided) == 2 * len(labels.LABEL_MAP_FLIPS["attributes"])


def test_characterized_attributes_are_all_but_skin():
    bare = set(range(1, 20)) - set(labels.CCIHP_CHARACTERIZED)
    names = {labels.CCIHP_ATTRIBUTES[number] for number in bare}
    assert names == {"torso_skin", "face", "left_arm", "right_arm", "left_leg", "right_leg"}


def test_trait_tables_have_their_sizes():
    assert [len(t) for t in (labels.CCIHP_SIZES, labels.CCIHP_PATTERNS, labels.CCIHP_COLORS)] == [
        5,
        5,
        13,
    ]
