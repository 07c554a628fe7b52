import json

import pytest
from each_case import each

from tfseg.data.reading.labels import alike_labels, choose_classes, clean_label, only_class
from tfseg.errors import DataError

COUNTS = {"shoe": 3, "hat": 2, "cap": 1}


def test_labels_found_are_sorted_and_a_list_gives_their_order():
    assert choose_classes("f", COUNTS)[:2] == (
        ("cap", "hat", "shoe"),
        {"cap": 1, "hat": 2, "shoe": 3},
    )
    assert choose_classes("f", COUNTS, order=("shoe", "sock"))[0] == ("shoe", "sock", "cap", "hat")


def test_synonyms_merge_labels():
    merge = {"headwear": ("cap", "hat")}
    assert choose_classes("f", COUNTS, synonyms=merge)[0] == ("headwear", "shoe")
    names, class_of, remarks = choose_classes("f", COUNTS, ("headwear",), merge)
    assert class_of == {"cap": 1, "hat": 1} and names == ("headwear",)
    assert [(p.severity, p.code) for p in remarks] == [("info", "passed_over")]
    assert choose_classes("f", COUNTS, synonyms={"foot": "shoe"})[0] == ("cap", "foot", "hat")


@each(
    ("classes", "synonyms", "message"),
    [
        ("shoe", None, "a tuple of names, got 'shoe'"),
        ((), None, "at least one"),
        (("shoe", "shoe"), None, "different class names"),
        (("sheo",), None, "no label 'sheo'.*Did you mean 'shoe'"),
        (("shoe",), {"head": ("cap",)}, "'head', which is none of the classes"),
        (("shoe", "a"), {"a": ("shoe",)}, "part of two classes, 'shoe' and 'a'"),
        (None, {"a": ()}, "gives 'a' no labels"),
    ],
)
def test_choices_that_cannot_be(classes, synonyms, message):
    with pytest.raises(DataError, match=message):
        choose_classes("f", COUNTS, classes, synonyms)


def test_nothing_labelled():
    with pytest.raises(DataError, match="f: there is no labelled object"):
        choose_classes("f", {})
    assert choose_classes("f", {}, ("shoe",))[0] == ("shoe",)


def test_the_class_of_what_nothing_labels():
    assert only_class(None) == only_class(("a", "b")) == only_class("ab") == "object"
    assert only_class(["shoe"]) == "shoe"


def test_what_nobody_sees_makes_no_class():
    nfd, nfc = "Schu\u0308rze", "Schürze"
    counts = {"shoe": 1, "shoe ": 2, "shoe\xa0": 3, "\tshoe\u200b": 4, nfd: 5, nfc: 6, "Shoe": 7}
    names, class_of, remarks = choose_classes("f", counts)
    assert names == (nfc, "Shoe", "shoe") or names == tuple(sorted({nfc, "Shoe", "shoe"}))
    assert {names[class_of[label] - 1] for label in counts if label not in ("Shoe", nfd, nfc)} == {
        "shoe"
    }
    assert class_of[nfd] == class_of[nfc] and class_of["Shoe"] != class_of["shoe"]
    assert [(p.severity, p.code) for p in remarks] == [("info", "unified_labels")] * 2
    assert "'shoe\\xa0'" in str(remarks) or "shoe\\\\xa0" in str(remarks)
    assert alike_labels(names) == [("Shoe", "shoe")]
    # Names that are asked for are meant alike.
    names, class_of, remarks = choose_classes("f", counts, ("shoe ",), {"shoe": ["Shoe", "shoe"]})
    assert names == ("shoe",) and {class_of[n] for n in ("Shoe", "shoe\xa0")} == {1}
    passed = next(p for p in remarks if p.code == "passed_over")
    assert passed.message.startswith("11 objects labelled")
    assert clean_label("running  shoe ") == "running shoe"


def test_categories_of_coco_that_look_alike_are_one_class(tmp_path, photo):
    from tfseg.data.coco.coco import CocoDataset
    from tfseg.data.doctor.doctor import diagnose

    images, annotations = [], []
    names = ["shoe", "shoe ", "shoe\xa0", "Shoe"]
    for number, _ in enumerate(names, 1):
        photo(tmp_path / f"{number}.jpg", seed=number)
        images.append({"id": number, "file_name": f"{number}.jpg", "height": 60, "width": 80})
        box = {"bbox": [5, 5, 20, 20], "segmentation": [[5, 5, 25, 5, 25, 25, 5, 25]], "area": 400}
        annotations.append({"id": number, "image_id": number, "category_id": number, **box})
    categories = [{"id": k, "name": name} for k, name in enumerate(names, 1)]
    path = tmp_path / "all.json"
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    dataset = CocoDataset(path, tmp_path)
    assert dataset.class_names == ("shoe", "Shoe")
    assert [s.class_ids.tolist() for s in dataset] == [[1], [1], [1], [2]]
    assert {p.code for p in diagnose(path).problems} == {"unified_labels", "alike_labels"}
