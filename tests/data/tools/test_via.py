"""Files as the VGG Image Annotator writes them: 1.0 to 2.0.12, projects, JSON and CSV."""

import base64
import csv
import json
import logging
import math

import numpy as np
import pytest
from each_case import Fresh, each

from tfseg.data.dataset import check_dataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.data.tools.via import ViaDataset
from tfseg.errors import DataError

KITE = [(10, 30), (30, 5), (50, 30), (30, 55)]


def polygon(points=KITE, name="polygon"):
    return {
        "name": name,
        "all_points_x": [x for x, _ in points],
        "all_points_y": [y for _, y in points],
    }


def region(shape, **attributes):
    return {"shape_attributes": shape, "region_attributes": attributes}


RECT = {"name": "rect", "x": 20, "y": 10, "width": 30, "height": 25}
CIRCLE = {"name": "circle", "cx": 40, "cy": 30, "r": 20}
ELLIPSE = {"name": "ellipse", "cx": 40, "cy": 30, "rx": 25, "ry": 10, "theta": 0.6}


def entry(name, regions, size=16454):
    return {"filename": name, "size": size, "regions": regions, "file_attributes": {}}


def exported(*entries):
    return {f"{e['filename']}{e['size']}": e for e in entries}


def project(metadata, attributes=None, **core):
    return {
        "_via_settings": {
            "ui": {"annotation_editor_height": 25},
            "core": {"buffer_size": 18, "filepath": {}, "default_filepath": "", **core},
            "project": {"name": "via_project_9Jul2019_15h53m"},
        },
        "_via_img_metadata": metadata,
        "_via_attributes": {"region": attributes or {}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(metadata),
    }


def writer(tmp_path, photo):
    """Writes an annotation file with images a.jpg and b.jpg beside it."""

    def write(content, name="via_region_data.json", pictures=("a.jpg", "b.jpg")):
        for number, picture in enumerate(pictures):
            photo(tmp_path / picture, seed=number)
        file = tmp_path / name
        file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return file

    return write


@pytest.fixture
def save(tmp_path, photo):
    return Fresh(writer, tmp_path, photo)


SHAPES = [region(polygon(), kind="kite"), region(RECT, kind="box"), region(CIRCLE, kind="ball")]
SHAPES += [region(ELLIPSE, kind="egg"), region(polygon([*KITE, KITE[0]], "polyline"), kind="kite")]


def test_every_shape_covers_what_plain_geometry_says(save, assert_polygon, assert_ellipse):
    dataset = check_dataset(ViaDataset(save(exported(entry("a.jpg", SHAPES)))))
    assert dataset.class_names == ("ball", "box", "egg", "kite")
    sample = dataset[0]
    assert sample.class_ids.tolist() == [4, 2, 1, 3, 4]
    assert sample.annotation_ids.tolist() == [1, 2, 3, 4, 5]
    assert_polygon(sample.masks[0], KITE)
    np.testing.assert_array_equal(np.argwhere(sample.masks[1]).min(0), (10, 20))
    np.testing.assert_array_equal(np.argwhere(sample.masks[1]).max(0), (34, 49))
    assert sample.masks[1].sum() == 30 * 25
    assert_ellipse(sample.masks[2], 40, 30, 20, 20)
    assert_ellipse(sample.masks[3], 40, 30, 25, 10, 0.6)
    assert_polygon(sample.masks[4], KITE)
    np.testing.assert_array_equal(sample.boxes[1], (10, 20, 35, 50))


def variants():
    two = [region(polygon(), kind="kite"), region(RECT, kind="box")]
    one = {"0": two[0], "1": two[1]}
    words = json.loads(json.dumps(two[1]).replace("20", '"20"').replace("25", '"25"'))
    first = {**entry("a.jpg", one), "fileref": "", "base64_img_data": ""}
    header = (
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
        "region_attributes"
    )
    rows = [
        [
            "a.jpg",
            16454,
            "{}",
            2,
            n,
            json.dumps(r["shape_attributes"]),
            json.dumps(r["region_attributes"]),
        ]
        for n, r in enumerate(two)
    ]
    rows.append(["b.jpg", 7, "{}", 0, 0, "{}", "{}"])
    body = "\n".join(
        ",".join('"' + str(c).replace('"', '""') + '"' if "{" in str(c) else str(c) for c in row)
        for row in rows
    )
    b = entry("b.jpg", [], 7)
    declared = {"kind": {"type": "dropdown", "options": {"kite": "Kite", "box": ""}}}
    return {
        "1.x regions by number": (exported(first, {**b, "regions": {}}), "x.json"),
        "2.x regions in a list": (exported(entry("a.jpg", two), b), "x.json"),
        "numbers as text": (exported(entry("a.jpg", [two[0], words]), b), "x.json"),
        "project": (project(exported(entry("a.jpg", two), b), declared), "x.json"),
        "csv": (f"{header}\n{body}\n", "x.csv"),
        "csv of 1.0": (f"#{header}\n{body}\n", "x.csv"),
        "with a byte order mark": (
            "\ufeff" + json.dumps(exported(entry("a.jpg", two), b)),
            "x.json",
        ),
    }


@each("name", variants())
def test_every_version_gives_the_same_samples(save, name, assert_polygon):
    content, file = variants()[name]
    dataset = ViaDataset(save(content, file))
    assert dataset.class_names == ("box", "kite") and dataset.class_attribute == "kind"
    assert dataset.image_ids == ("a.jpg", "b.jpg") and dataset.problems == ()
    assert dataset[0].class_ids.tolist() == [2, 1] and len(dataset[1]) == 0
    assert_polygon(dataset[0].masks[0], KITE)
    assert dataset[0].masks[1].sum() == 750
    assert len(ViaDataset(dataset.source, keep_empty=False)) == 1


def test_the_csv_rows_that_via_itself_escapes(save):
    text = (
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
        'region_attributes\na.jpg,129855,"{""caption"":""+-08374*&$""}",1,0,"{""name"":""rect"",'
        '""x"":20,""y"":10,""width"":30,""height"":25}","{""name"":""rectangle \'black\'""}"\r\n'
    )
    assert ViaDataset(save(text, "x.csv")).class_names == ("rectangle 'black'",)


def test_matterports_balloons_have_no_attributes(save):
    file = save(exported(entry("a.jpg", {"0": region(polygon())})))
    assert ViaDataset(file).class_names == ("object",)
    dataset = ViaDataset(file, classes=("balloon",))
    assert dataset.class_names == ("balloon",) and dataset[0].class_ids.tolist() == [1]


def test_the_class_attribute_is_found_or_asked_for(save):
    regions = [region(RECT, kind="box", colour="red"), region(RECT, kind="lid", colour="red")]
    file = save(exported(entry("a.jpg", regions)))
    with pytest.raises(
        DataError, match=r"kind \(box, lid\); colour \(red\).*class_attribute='kind'"
    ):
        ViaDataset(file)
    assert ViaDataset(file, class_attribute="colour").class_names == ("red",)
    with pytest.raises(DataError, match="attribute 'colr'; there are kind, colour"):
        ViaDataset(file, class_attribute="colr")
    empty = [region(RECT, kind="box", note=""), region(RECT, kind="lid", note="")]
    assert ViaDataset(save(exported(entry("a.jpg", empty)))).class_attribute == "kind"


def test_options_and_ticked_boxes(save):
    ticks = {"kind": {"type": "checkbox", "options": {"box": "", "lid": ""}}}
    good = [region(RECT, kind={"box": True, "lid": False})]
    assert ViaDataset(save(project(exported(entry("a.jpg", good)), ticks))).class_names == ("box",)
    both = [*good, region(RECT, kind={"box": True, "lid": True})]
    with pytest.raises(DataError, match="region 2.*several values of 'kind': box, lid"):
        ViaDataset(save(project(exported(entry("a.jpg", both)), ticks)))


def test_classes_are_chosen_merged_and_ordered(save, caplog):
    file = save(exported(entry("a.jpg", SHAPES)))
    with caplog.at_level(logging.WARNING):
        chosen = ViaDataset(file, classes=("kite", "box"))
    assert chosen[0].class_ids.tolist() == [1, 2, 1] and not caplog.text
    assert [p.severity for p in chosen.problems] == ["info", "info"]
    assert "1 objects labelled 'ball' are passed over" in str(chosen.problems[0])
    merged = ViaDataset(file, synonyms={"round": ("ball", "egg")})
    assert merged.class_names == ("box", "kite", "round")
    assert merged[0].class_ids.tolist() == [2, 1, 3, 3, 2]
    with pytest.raises(DataError, match="no label 'kit'; the labels are .*Did you mean 'kite'"):
        ViaDataset(file, classes=("kit",))
    absent = ViaDataset(file, classes=("kite", "boxx"))
    assert "'boxx'" in str(absent.problems[0]) and "Did you mean 'box'" in str(absent.problems[0])


FAULTS = {
    "missing_image": (entry("c.jpg", [region(RECT, kind="box")]), "no file of the image 'c.jpg'"),
    "malformed": (
        entry("b.jpg", [{"shape_attributes": {}, "region_attributes": {}}]),
        "no shape_attr",
    ),
    "bad_polygon": (entry("b.jpg", [region(polygon(KITE[:2]), kind="box")]), "4 numbers"),
    "not_finite": (entry("b.jpg", [region({**CIRCLE, "r": math.nan}, kind="box")]), "NaN"),
    "zero_box": (entry("b.jpg", [region({**RECT, "width": 0}, kind="box")]), "25 x 0"),
    "no_label": (entry("b.jpg", [region(RECT, kind="")]), "no value of the attribute 'kind'"),
    "unknown_label": (entry("b.jpg", [region(RECT, kind="lamp")]), "'lamp'.*none of its options"),
    "unknown_shape": (
        entry("b.jpg", [region({"name": "star"}, kind="box")]),
        "unknown shape 'star'",
    ),
    "bad_mask": (entry("b.jpg", [region({**RECT, "x": "left"}, kind="box")]), "pairs of numbers"),
    "duplicate_image_id": (entry("a.jpg", [], 99), "listed twice"),
}


@each("code", FAULTS)
def test_a_fault_is_named_and_the_rest_goes_on(save, code):
    faulty, message = FAULTS[code]
    declared = {
        "kind": {"type": "radio", "options": {"kite": "", "box": "", "ball": "", "egg": ""}}
    }
    good = entry("a.jpg", SHAPES)
    file = save(project(exported(good, faulty), declared))
    with pytest.raises(DataError, match=message) as error:
        ViaDataset(file)
    assert str(file) in str(error.value) and faulty["filename"] in str(error.value)
    rest = ViaDataset(file, drop_invalid=True)
    assert [problem.code for problem in rest.dropped] == [code]
    assert len(rest[0]) == 5 and "a.jpg" in rest.image_ids
    diagnosis = diagnose(file)
    assert code in [problem.code for problem in diagnosis.of("error")]
    assert faulty["filename"] in str(diagnosis)
    lenient = diagnose(file, drop_invalid=True)
    assert code in [problem.code for problem in lenient.of("warning")]
    assert "drop_invalid" not in str(lenient)


def test_several_faults_are_all_listed_by_the_doctor(save):
    file = save(
        project(
            exported(
                entry("a.jpg", SHAPES),
                *(e for e, _ in list(FAULTS.values())[:1]),
                entry("b.jpg", [r for e, _ in list(FAULTS.values())[1:6] for r in e["regions"]]),
            )
        )
    )
    found = [problem.code for problem in diagnose(file).of("error")]
    assert found == list(FAULTS)[:6]
    with pytest.raises(DataError, match="5 more faults; tfseg doctor"):
        ViaDataset(file)


def test_a_region_that_covers_nothing_is_met_when_the_picture_is_read(save):
    outside = region({**RECT, "x": 500}, kind="box")
    file = save(exported(entry("a.jpg", [SHAPES[0], outside])))
    with pytest.raises(DataError, match="'a.jpg', object 2.*'box'.*no pixel inside"):
        ViaDataset(file)[0]
    # The rectangle may belong anywhere: without it the image would teach that it is background.
    rest = ViaDataset(file, drop_invalid=True)
    assert len(rest) == 0 and [p.code for p in rest.dropped] == ["empty_mask"]
    thin = region({**RECT, "width": 0.1, "x": 0.1}, kind="box")
    rest = ViaDataset(save(exported(entry("a.jpg", [SHAPES[0], thin]))), drop_invalid=True)
    assert len(rest[0]) == 1 and [p.code for p in rest.dropped] == ["empty_mask"]
    save(exported(entry("a.jpg", [SHAPES[0], outside])))
    (problem,) = diagnose(file).of("error")
    assert (problem.code, problem.annotation_id) == ("empty_mask", 2)


def test_what_encloses_nothing_is_told_and_passed_over(save, caplog):
    flat = [region({"name": "point", "cx": 3, "cy": 4}, kind="box")]
    flat += [region(polygon(KITE, "polyline"), kind="box"), region(RECT, kind="box")]
    with caplog.at_level(logging.WARNING):
        dataset = ViaDataset(save(exported(entry("a.jpg", flat))))
    assert "is a point, which encloses nothing" in caplog.text
    assert [problem.code for problem in dataset.problems] == ["no_area", "no_area"]
    assert dataset[0].annotation_ids.tolist() == [3]


@each("orientation", [1, 3, 5, 6, 7, 8])
def test_regions_lie_on_the_picture_as_it_is_seen(tmp_path, photo, orientation):
    photo(tmp_path / "a.jpg", (40, 100), orientation)
    seen = (100, 40) if orientation >= 5 else (40, 100)
    box = {"name": "rect", "x": 2, "y": 3, "width": 20, "height": 30}
    (tmp_path / "x.json").write_text(json.dumps(exported(entry("a.jpg", [region(box)]))))
    dataset = ViaDataset(tmp_path / "x.json")
    sample, problems = dataset.examine(0)
    assert sample.size == seen
    np.testing.assert_array_equal(sample.boxes[0], (3, 2, 33, 22))
    assert [p.code for p in problems] == (["rotated_image"] if orientation >= 5 else [])
    assert dataset[0].masks.sum() == 600


def test_regions_that_only_fit_the_stored_pixels_are_turned(tmp_path, photo):
    photo(tmp_path / "a.jpg", (40, 100), 6)  # seen: 100 rows, 40 columns, turned clockwise
    box = {"name": "rect", "x": 70, "y": 3, "width": 20, "height": 30}
    (tmp_path / "x.json").write_text(json.dumps(exported(entry("a.jpg", [region(box)]))))
    sample, (problem,) = ViaDataset(tmp_path / "x.json").examine(0)
    # Clockwise: stored (row, column) is seen at (column, height - 1 - row).
    np.testing.assert_array_equal(sample.boxes[0], (70, 40 - 33, 90, 40 - 3))
    assert "as stored, and turned with it" in problem.message


def test_pictures_are_looked_for_where_via_and_people_put_them(tmp_path, photo):
    name = "pictures/far/a.jpg"
    content = json.dumps(project(exported(entry(name, [region(RECT)])), default_filepath="far"))
    for home in ("images/a.jpg", "pictures/far/a.jpg", "a.jpg"):
        folder = tmp_path / home.replace("/", "_")
        folder.mkdir()
        (folder / "x.json").write_text(content)
        with pytest.raises(DataError, match="no file of the image"):
            ViaDataset(folder / "x.json")
        photo(folder / home)
        assert ViaDataset(folder / "x.json")[0].path == str(folder / home)
    elsewhere = photo(tmp_path / "elsewhere" / "a.jpg").parent
    assert ViaDataset(tmp_path / "a.jpg" / "x.json", elsewhere)[0].path == str(elsewhere / "a.jpg")
    with pytest.raises(DataError, match="no such image folder"):
        ViaDataset(tmp_path / "a.jpg" / "x.json", tmp_path / "nowhere")


def test_a_picture_inside_the_file(save, tmp_path, photo):
    data = base64.b64encode(photo(tmp_path / "in.png").read_bytes()).decode()
    inside = {**entry("c.png", [region(RECT)]), "base64_img_data": f"data:image/png;base64,{data}"}
    sample = ViaDataset(save(exported(inside)))[0]
    assert sample.size == (60, 80) and sample.path is None and len(sample) == 1
    broken = {**inside, "base64_img_data": "data:image/png;base64,AAAA!"}
    with pytest.raises(DataError, match="c.png.*base64"):
        ViaDataset(save(exported(broken)))[0]


@each(
    ("text", "name", "message"),
    [
        ("", "x.json", "x.json: the annotation file is empty. Export it again.$"),
        ('{"a": {"filename"', "x.json", "line 1, column"),
        ("[]", "x.json", "expected a project of VIA 1 to 3"),
        ('{"project": {}, "metadata": {}, "view": {}}', "x.json", "VIA 1 or 2"),
        ('{"_via_img_metadata": {}}', "x.json", "no annotated images"),
        ("name,shape\n", "x.csv", "VIA's columns.*found: name, shape"),
        ("", "x.csv", "an empty file"),
    ],
)
def test_files_that_are_no_annotations(save, text, name, message):
    with pytest.raises(DataError, match=message):
        ViaDataset(save(text, name))


def test_broken_csv_rows_are_named_by_line(tmp_path, photo):
    photo(tmp_path / "a.jpg")
    with open(tmp_path / "x.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "region_shape_attributes", "region_attributes"])
        writer.writerow(["a.jpg", json.dumps(RECT), "{}"])
        writer.writerow(["a.jpg", '{"name": "rect", "x": 1', "{}"])
        writer.writerow(["gone.jpg", json.dumps(RECT), "{}"])
    dataset = ViaDataset(tmp_path / "x.csv", drop_invalid=True)
    assert [p.code for p in dataset.dropped] == ["malformed", "missing_image"]
    assert "line 3" in str(dataset.dropped[0]) and "gone.jpg" in str(dataset.dropped[1])
    assert len(dataset) == 0 and len(dataset.lenient()[0]) == 1


@each("broken", ['a.jpg,"{""x"":1,{}', "a.jpg", 'a.jpg,{"x",{}'])
def test_a_broken_csv_line_does_not_swallow_those_after_it(tmp_path, photo, broken):
    photo(tmp_path / "a.jpg")
    sound = 'a.jpg,"' + json.dumps(RECT).replace('"', '""') + '",{}'
    header = "#filename,region_shape_attributes,region_attributes"
    (tmp_path / "x.csv").write_text("\r\n".join([header, sound, broken, sound, "", sound]))
    dataset = ViaDataset(tmp_path / "x.csv", drop_invalid=True)
    assert [(p.code, p.annotation_id) for p in dataset.dropped] == [("malformed", 2)]
    assert "line 3" in str(dataset.dropped[0]) and len(dataset) == 0
    assert len(dataset.lenient()[0]) == 3


def test_a_csv_line_may_be_long(tmp_path, photo):
    photo(tmp_path / "a.jpg")
    corners = [[9, 50, 50, 9][i % 4] for i in range(40_000)]
    outline = {"name": "polygon", "all_points_x": corners, "all_points_y": [5, *corners[:-1]]}
    with open(tmp_path / "x.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "region_shape_attributes", "region_attributes"])
        writer.writerow(["a.jpg", json.dumps(outline), "{}"])
    assert len(ViaDataset(tmp_path / "x.csv")[0]) == 1


def test_missing_files(tmp_path):
    for name in ("x.json", "x.csv"):
        with pytest.raises(DataError, match="no such annotation file"):
            ViaDataset(tmp_path / name)


@each("name", ["../secret.jpg", "{}/secret.jpg", "secret.jpg"])
def test_names_and_places_lead_out_only_where_that_is_allowed(save, photo, tmp_path, name):
    photo(tmp_path / "secret.jpg")
    (tmp_path / "set").mkdir()
    content = project(exported(entry(name.format(tmp_path), SHAPES)))
    content["_via_settings"] = {"core": {"default_filepath": f"{tmp_path}/", "filepath": {}}}
    file = tmp_path / "set" / "x.json"
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match="leads out of the folder.*allow_outside=True"):
        ViaDataset(file)
    assert len(ViaDataset(file, drop_invalid=True)) == 0
    assert len(ViaDataset(file, allow_outside=True)[0]) == 5


def test_names_of_another_system(save, photo, tmp_path):
    photo(tmp_path / "photos" / "a b.jpg")
    file = save(exported(entry("C:\\me\\photos\\a%20b.JPG", SHAPES)))
    assert ViaDataset(file)[0].path == str(tmp_path / "photos" / "a b.jpg")
