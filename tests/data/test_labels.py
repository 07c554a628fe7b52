import pytest

from tfseg.data.labels import choose_classes, only_class
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


@pytest.mark.parametrize(
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
