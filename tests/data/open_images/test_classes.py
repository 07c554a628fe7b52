"""Class descriptions with and without header, and the hierarchy of the classes."""

from __future__ import annotations

import json

import pytest
from each_case import each

from tfseg.data.open_images.classes import read_class_names, read_hierarchy
from tfseg.data.open_images.rules import SelectionRules, choose_classes
from tfseg.errors import ConfigError, DataError

SUIT, DRESS, JEANS, PERSON = "/m/01xyhv", "/m/01d40f", "/m/0fly7", "/m/01g317"
GIRL, EYE = "/m/05r655", "/m/014sv8"
LINES = f'{SUIT},Suit\n{DRESS},Dress\n/m/0k65p,"Hand, left"\n'


def names_of(tmp_path, text):
    path = tmp_path / "class-descriptions-boxable.csv"
    path.write_text(text, encoding="utf-8")
    return read_class_names(path)


@each(
    "text",
    [
        LINES,
        f"LabelName,DisplayName\n{LINES}",
        f"id,name\n{LINES}",
        f"\ufeffid,name\n{LINES}",
        f"\ufeff{LINES}",
        LINES.replace("\n", "\r\n"),
        f'name,id\nSuit,{SUIT}\nDress,{DRESS}\n"Hand, left",/m/0k65p\n',
    ],
)
def test_names_with_and_without_header(tmp_path, text):
    names = names_of(tmp_path, text)
    assert dict(names.names) == {SUIT: "Suit", DRESS: "Dress", "/m/0k65p": "Hand, left"}
    assert names.problems == ()


def test_broken_lines_are_named_and_cost_only_themselves(tmp_path):
    names = names_of(tmp_path, f"{SUIT},Suit\n{DRESS}\nDress,{DRESS}\n\n{SUIT},Tuxedo\n{JEANS},\n")
    assert dict(names.names) == {SUIT: "Suit"}
    places = [problem.where.rpartition(", ")[2] for problem in names.problems]
    assert places == ["line 2", "line 3", "line 5", "line 6"]
    assert "'Tuxedo' here and 'Suit' before" in names.problems[2].message


@each("text", ["", "id,name\n", "a,b\nc,d\n"])
def test_a_file_without_classes_is_an_error(tmp_path, text):
    with pytest.raises(DataError, match="no line is a class"):
        names_of(tmp_path, text)


def test_a_word_is_a_name_or_a_mid(tmp_path):
    names = names_of(tmp_path, f"{LINES}/m/1,Bow\n/m/2,Bow\n")
    assert names.mid("Suit") == names.mid("suit") == names.mid(SUIT) == SUIT
    with pytest.raises(ConfigError, match=r"no class 'Dres'. Did you mean 'Dress'"):
        names.mid("Dres")
    with pytest.raises(ConfigError, match=r"2 classes are called 'Bow'.*/m/1, /m/2"):
        names.mid("Bow")
    assert names.title("/m/1") == "Bow (/m/1)" and names.title(SUIT) == "Suit"


TREE = {
    "LabelName": "/m/0bl9f",
    "Subcategory": [
        {"LabelName": PERSON, "Subcategory": [{"LabelName": GIRL}], "Part": [{"LabelName": EYE}]},
        {"LabelName": "/m/09j2d", "Subcategory": [{"LabelName": SUIT}, {"LabelName": DRESS}]},
        {"LabelName": "/m/07mhn"},
        # Published classes stand in several places, not always with what lies below them.
        {"LabelName": "/m/0c_jw", "Subcategory": [{"LabelName": "/m/07mhn", "Subcategory": []}]},
        {"LabelName": "/m/07mhn", "Subcategory": [{"LabelName": JEANS}]},
    ],
}


def test_what_lies_below_a_class(tmp_path):
    path = tmp_path / "bbox_labels_600_hierarchy.json"
    path.write_text(json.dumps(TREE))
    hierarchy = read_hierarchy(path)
    assert hierarchy.below("/m/09j2d") == {"/m/09j2d", SUIT, DRESS}
    assert hierarchy.below("/m/0c_jw") == {"/m/0c_jw", "/m/07mhn", JEANS}
    assert hierarchy.below(PERSON) == {PERSON, GIRL}
    assert hierarchy.below(PERSON, parts=True) == {PERSON, GIRL, EYE}
    assert EYE not in hierarchy.below("/m/0bl9f") and JEANS in hierarchy.below("/m/0bl9f")
    assert hierarchy.below("/m/none") == {"/m/none"}


def test_a_hierarchy_that_bites_its_tail_ends(tmp_path):
    path = tmp_path / "hierarchy.json"
    inner = {"LabelName": "/m/b", "Subcategory": [{"LabelName": "/m/a"}]}
    path.write_text(json.dumps({"LabelName": "/m/a", "Subcategory": [inner]}))
    assert read_hierarchy(path).below("/m/b") == {"/m/a", "/m/b"}


@each("text", ["", "{", "[]", "{}", '{"LabelName": 3}', '{"LabelName": "/m/a", "Subcategory": {}}'])
def test_a_broken_hierarchy_is_an_error(tmp_path, text):
    path = tmp_path / "hierarchy.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"hierarchy\.json"):
        read_hierarchy(path)


COUNTS = {SUIT: 300, DRESS: 250, JEANS: 150, GIRL: 900}
NAMES = f"{SUIT},Suit\n{DRESS},Dress\n{JEANS},Jeans\n{GIRL},Girl\n{EYE},Eye\n"


@each(
    ("rules", "kept", "dropped"),
    [
        ({}, [SUIT, DRESS], {JEANS: "min_masks", GIRL: "not_chosen"}),
        ({"min_masks": 150}, [SUIT, DRESS, JEANS], {GIRL: "not_chosen"}),
        ({"classes": None}, [GIRL, SUIT, DRESS], {JEANS: "min_masks"}),
        (
            {"classes": None, "exclude": ("Girl",)},
            [SUIT, DRESS],
            {JEANS: "min_masks", GIRL: "excluded"},
        ),
        (
            {"classes": None, "keep": 2},
            [GIRL, SUIT],
            {JEANS: "min_masks", DRESS: "not_chosen"},
        ),
        (
            {"classes": ("jeans", DRESS), "min_masks": 0},
            [JEANS, DRESS],
            {SUIT: "not_chosen", GIRL: "not_chosen"},
        ),
    ],
)
def test_which_classes_are_kept(tmp_path, rules, kept, dropped):
    choice = choose_classes(SelectionRules(**rules), names_of(tmp_path, NAMES), COUNTS, None)
    assert list(choice.mids) == kept
    assert choice.dropped == dropped


def test_a_class_that_was_asked_for_and_is_dropped_is_named_with_the_reason(tmp_path):
    rules = SelectionRules(classes=("Suit", "Jeans", "Girl", "Eye"), exclude=("Girl",))
    names, inside = names_of(tmp_path, NAMES), frozenset({SUIT, JEANS, GIRL})
    told = {p.where: p.message for p in choose_classes(rules, names, COUNTS, inside).problems}
    assert "150 masks, fewer than the 200" in told[f"class Jeans ({JEANS})"]
    assert "excluded" in told[f"class Girl ({GIRL})"]
    assert "none of the supersets" in told[f"class Eye ({EYE})"]
    assert len(told) == 3


def test_no_class_left_tells_the_counts(tmp_path):
    with pytest.raises(DataError, match=r"Jeans: it has 150 masks.*Girl has 900.*\(1000\)"):
        names = names_of(tmp_path, NAMES)
        choose_classes(SelectionRules(classes=("Jeans",), min_masks=1000), names, COUNTS, None)
    with pytest.raises(ConfigError, match="name each class once"):
        choose_classes(SelectionRules(classes=("Suit", SUIT)), names, COUNTS, None)


@each(
    ("setting", "value"),
    [
        ("partition", "g"),
        ("partition", ""),
        ("supersets", "Person"),
        ("classes", ()),
        ("classes", "Suit"),
        ("exclude", (1,)),
        ("min_masks", -1),
        ("min_masks", 2.5),
        ("keep", 0),
        ("keep", True),
    ],
)
def test_settings_are_checked(setting, value):
    with pytest.raises(ConfigError, match=setting):
        SelectionRules(**{setting: value})
