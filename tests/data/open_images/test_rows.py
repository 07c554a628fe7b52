"""The CSV of the masks: what is read, what is dropped, and what is said of broken lines."""

from __future__ import annotations

import pytest
from each_case import each

from tfseg.data.open_images.ledger import Ledger
from tfseg.data.open_images.rows import COLUMNS, read_rows
from tfseg.errors import DataError

SUIT, DRESS, TREE = "/m/01xyhv", "/m/01d40f", "/m/07j7r"
NAMES = {SUIT: "Suit", DRESS: "Dress", TREE: "Tree"}
CLICKS = "0.95 0.65 1;0.89 0.56 0"
HEADER = ",".join(COLUMNS)


def line(image="f1", label=SUIT, box_id="0a", box="0.1,0.5,0.2,0.6", mask=None, iou="0.8"):
    mask = f"{image}_{label.replace('/', '')}_{box_id}.png" if mask is None else mask
    return f"{mask},{image},{label},{box_id},{box},{iou},{CLICKS}"


def read(tmp_path, *lines, header=HEADER, end="\n", **wanted):
    path = tmp_path / "train-annotations-object-segmentation.csv"
    path.write_bytes(end.join([header, *lines, ""]).encode())
    ledger, problems = Ledger(), []
    rows = read_rows(path, NAMES, ledger, problems, **wanted)
    return rows, ledger, problems


def test_a_published_line(tmp_path):
    published = (
        "677c122b0eaa5d16_m01d40f_9a041d52.png,677c122b0eaa5d16,/m/01d40f,9a041d52,0.8875,0.960938,"
        "0.454167,0.720833,0.86864,0.95498 0.65197 1;0.89370 0.56579 1"
    )
    rows, ledger, problems = read(tmp_path, published)
    assert rows == [
        (
            2,
            "677c122b0eaa5d16_m01d40f_9a041d52.png",
            "677c122b0eaa5d16",
            DRESS,
            (0.8875, 0.454167, 0.960938, 0.720833),
        )
    ]
    assert (ledger.rows, ledger.kept, problems) == (1, 1, [])


@each(("end", "mark"), [("\n", ""), ("\r\n", ""), ("\n", "\ufeff")])
def test_partition_and_classes(tmp_path, end, mark):
    lines = [line("f1"), line("e1"), line("F2"), line("01"), line("f3", TREE), ""]
    rows, ledger, problems = read(
        tmp_path, *lines, header=mark + HEADER, end=end, partition="f", labels={SUIT}
    )
    assert [row.image for row in rows] == ["f1", "F2"]
    assert ledger.rows == 5 and ledger.kept == 2 and problems == []
    assert (ledger.dropped("partition"), ledger.dropped("superset", TREE)) == (2, 1)
    assert len(read(tmp_path, *lines)[0]) == 5
    assert len(read(tmp_path, *lines, partition="0e")[0]) == 2


def test_columns_may_be_in_another_order_and_clicks_missing(tmp_path):
    header = "ImageID,LabelName,BoxID,MaskPath,BoxYMin,BoxXMin,BoxYMax,BoxXMax"
    text = f"f1,{SUIT},0a,f1_m01xyhv_0a.png,0.1,0.2,0.3,0.4"
    rows, _, _ = read(tmp_path, text, header=header)
    assert rows[0].box == (0.2, 0.1, 0.4, 0.3)


BROKEN = {
    "no columns": (f"f1_m01xyhv_0a.png,f1,{SUIT}", "expected 10 columns, got 3"),
    "too many": (line() + ",x", "expected 10 columns, got 11"),
    "no number": (line(box="0.1,wide,0.2,0.6"), "four numbers"),
    "missing number": (line(box="0.1,,0.2,0.6"), "four numbers"),
    "nan": (line(box="0.1,nan,0.2,0.6"), "finite numbers"),
    "infinite": (line(box="0.1,inf,0.2,0.6"), "finite numbers"),
    "above one": (line(box="0.1,1.2,0.2,0.6"), r"within \[0, 1\]"),
    "below zero": (line(box="-0.1,0.5,0.2,0.6"), r"within \[0, 1\]"),
    "pixels": (line(box="10,50,20,60"), r"within \[0, 1\]"),
    "no width": (line(box="0.5,0.5,0.2,0.6"), "BoxXMin < BoxXMax"),
    "upside down": (line(box="0.1,0.5,0.6,0.2"), "BoxYMin < BoxYMax"),
    "no mask": (line(mask=""), "a mask file"),
    "other mask": (line(mask="f2_m01xyhv_0a.png"), "the mask of this image, class and box, f1_m01"),
    "no image": (line(image=""), "image id"),
    "strange image": (line(image="xyz"), "hexadecimal digit"),
}


@each("case", BROKEN)
def test_a_broken_line_is_named_and_the_others_are_read(tmp_path, case):
    text, message = BROKEN[case]
    rows, ledger, problems = read(
        tmp_path, line(box_id="01"), text, line(box_id="02"), partition="f"
    )
    assert [row.line for row in rows] == [2, 4]
    (problem,) = problems
    assert (problem.severity, problem.code) == ("error", "broken_row")
    assert "segmentation.csv, line 3" in problem.where
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(problem.message)
    assert ledger.rows == 3 and ledger.dropped("broken_row") == 1


def test_unknown_classes_and_duplicates_are_named(tmp_path):
    lines = [line(), line("f2", "/m/zzz"), line(), line("f3", "")]
    rows, ledger, problems = read(tmp_path, *lines)
    assert [row.line for row in rows] == [2]
    assert [problem.code for problem in problems] == [
        "unknown_class",
        "duplicate_row",
        "unknown_class",
    ]
    assert "'/m/zzz' is unknown" in problems[0].message and "line 3" in problems[0].where
    assert "line 4, mask f1_m01xyhv_0a.png" in problems[1].where
    assert ledger.dropped("unknown_class") == 2 and ledger.kept == 1


def test_strange_bytes_do_not_stop_the_reading(tmp_path):
    path = tmp_path / "train-annotations-object-segmentation.csv"
    parts = [HEADER.encode(), b'"' + line("f1").encode(), b"\xff\xfe\x00,\x00", b"f" * 200_000]
    path.write_bytes(b"\n".join([*parts, line("f2").encode()]))
    ledger, problems = Ledger(), []
    rows = read_rows(path, NAMES, ledger, problems)
    assert [row.image for row in rows] == ["f2"]
    assert [problem.where[-6:] for problem in problems] == ["line 2", "line 3", "line 4"]
    assert ledger.rows == 4


def test_no_file_nothing_in_it_or_nothing_after_the_header(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_rows(tmp_path / "none.csv", NAMES, Ledger(), [])
    with pytest.raises(DataError, match="no line after the header"):
        read(tmp_path)
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match=r"empty\.csv: expected the header MaskPath.*an empty file"):
        read_rows(tmp_path / "empty.csv", NAMES, Ledger(), [])


@each(
    ("header", "message"),
    [
        (line(), "first line is data.*Put that header in front"),
        (HEADER.replace("BoxXMin", "XMinimum"), "missing: BoxXMin"),
        (HEADER.replace("MaskPath", "maskpath"), r"missing: MaskPath \(perhaps 'maskpath'\)"),
        ("ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax", "A file of boxes"),
        (HEADER.replace(",", ";"), "missing: "),
    ],
)
def test_another_header_is_an_error_that_says_what_is_missing(tmp_path, header, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, line(), header=header)


def test_signs_of_life(tmp_path):
    seen = []
    lines = [line(box_id=f"{n:x}") for n in range(40_001)]
    read(tmp_path, *lines, progress=lambda done, size: seen.append((done, size)))
    size = (tmp_path / "train-annotations-object-segmentation.csv").stat().st_size
    assert len(seen) == 3 and seen == sorted(seen)
    assert seen[-1] == (size, size) and 0 < seen[0][0] < size
