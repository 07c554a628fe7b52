"""Bad input: each fault is named, none stops the rest, and nothing half-written stays behind."""

from __future__ import annotations

import json
import os
import zipfile

import numpy as np
import pytest

from tfseg.data.doctor.doctor import diagnose
from tfseg.data.open_images import OpenImagesDataset, SelectionRules, Source, convert_open_images
from tfseg.errors import DataError

SUIT, DRESS = "/m/01xyhv", "/m/01d40f"
ONE = ("Suit",)


def by_code(report):
    found = {}
    for problem in report.problems:
        found.setdefault(problem.code, []).append(problem)
    return found


@pytest.fixture
def sound(download):
    """Four sound images with one suit each."""
    for number in range(4):
        download.add_plain(f"f{number}")
    return download


def test_every_fault_at_once(sound, convert, tmp_path):
    """The faults that the data can have, in one download, beside four sound images."""
    lost = sound.add_plain("fa")
    empty = sound.add_plain("fb")
    broken = sound.add_plain("fc")
    boxed = sound.add_plain("fd", box=["0.9", "1.0", "0.9", "1.0"])
    sound.add_plain("fe", "/m/unknown")
    sound.add_plain("ff")
    sound.add_plain("f4")
    turned = sound.add_plain("f5", size=(64, 48), corners=(10, 8, 30, 40), orientation=6)
    sound.lines.append(list(sound.lines[0]))
    sound.lines.append(["f6.png", "f6", SUIT])
    sound.lines.append(
        ["f7_m01xyhv_0a.png", "f7", SUIT, "0a", "nan", "1", "0", "1", "0.8", "0 0 1"]
    )
    del sound.masks[lost], sound.images["ff.jpg"]
    sound.masks[empty] = sound.png(np.zeros((48, 64), bool))
    sound.masks[broken] = sound.masks[broken][:30]
    sound.images["f4.jpg"] = sound.images["f4.jpg"][:200]
    report = convert(sound, classes=ONE)
    found = by_code(report)
    assert lost in found["missing_mask_file"][0].where
    assert empty in found["empty_mask"][0].where
    assert broken in found["unreadable_mask"][0].where
    assert boxed in found["box_mismatch"][0].where
    assert "'/m/unknown'" in found["unknown_class"][0].message
    assert found["missing_image"][0].where == "image ff"
    assert found["unreadable_image"][0].where == "image f4"
    assert "f4.jpg" in found["unreadable_image"][0].message
    assert found["exif_rotated"][0].where == "image f5" and turned
    assert len(found["duplicate_row"]) == 1
    assert [p.where.rpartition("line ")[2] for p in found["broken_row"]] == ["15", "16"]
    assert {p.severity for p in found["box_mismatch"]} == {"warning"}
    assert report.kept == 6 and sum(report.images.values()) == 6
    assert report.rules[-1]["left"] == 6
    assert report.rows == 6 + len(report.of("error"))
    told = json.loads((tmp_path / "out" / "open_images_report.json").read_text())["problems"]
    assert len(told) == len(report.problems)
    for part in ("train", "val"):
        assert diagnose(tmp_path / "out", split=part).of("error") == ()


def test_the_text_names_five_of_a_kind_and_the_file_all(sound, convert, tmp_path):
    for number in range(8):
        del sound.masks[sound.add_plain(f"f8{number}")]
    report = convert(sound, classes=ONE)
    assert str(report).count("there is no such file") == 5
    assert "... and 3 more, all in the JSON report" in str(report)
    assert report.text(None).count("there is no such file") == 8
    content = json.loads((tmp_path / "out" / "open_images_report.json").read_text())
    assert content["problem_counts"] == {"missing_mask_file": 8}


def test_boxes_that_disagree_can_cost_the_mask(sound, convert):
    name = sound.add_plain("fd", box=["0.9", "1.0", "0.9", "1.0"])
    kept, dropped = (
        convert(sound, classes=ONE, drop_mismatched=flag, out=f"out{flag}")
        for flag in (False, True)
    )
    assert (kept.kept, dropped.kept) == (5, 4)
    assert name in by_code(dropped)["box_mismatch"][0].where
    assert "overlap by 0.00" in by_code(kept)["box_mismatch"][0].message


def test_a_class_that_faults_made_small_is_kept_with_a_warning(sound, convert):
    for number in range(3):
        name = sound.add_plain(f"fa{number}", DRESS)
        sound.masks[name] = b"broken"
    sound.add_plain("fb", DRESS)
    report = convert(sound, classes=("Suit", "Dress"), min_masks=3)
    (problem,) = by_code(report)["class_below_minimum"]
    assert "1 of its 4 masks could be used, fewer than the 3" in problem.message
    assert [entry["kept"] for entry in report.classes] == [4, 1]


def test_a_mask_whose_file_is_missing_does_not_count(sound, convert):
    for number in range(3):
        del sound.masks[sound.add_plain(f"fa{number}", DRESS)]
    sound.add_plain("fb", DRESS)
    report = convert(sound, classes=("Suit", "Dress"), min_masks=2)
    assert [entry["kept"] for entry in report.classes] == [4, 0]
    assert report.classes[1]["reason"] == "min_masks" and report.classes[1]["rows"] == 4
    assert "1 masks, fewer than the 2" in by_code(report)["class_dropped"][0].message


def test_a_mask_with_no_pixel_left(sound, convert):
    sound.add_image("fa", sound.grey((12, 16)))
    name = sound.add_mask("fa", SUIT, sound.rectangle((120, 160), 11, 11, 13, 13))
    report = convert(sound, classes=ONE)
    (problem,) = by_code(report)["empty_mask"]
    assert name in problem.where and "no pixel left at 12 x 16" in problem.message


def test_nothing_left_writes_nothing(sound, convert, tmp_path):
    for name in sound.masks:
        sound.masks[name] = b"broken"
    with pytest.raises(DataError, match=r"no mask is left.*f0_m01xyhv.*; and 1 more"):
        convert(sound, classes=ONE)
    assert os.listdir(tmp_path) == ["openimages"]


@pytest.mark.parametrize("what", ["masks", "images"])
def test_a_download_without_masks_or_images_says_what_is_missing(sound, convert, tmp_path, what):
    getattr(sound, what).clear()
    archive = "train-masks-f.zip" if what == "masks" else "train_f.tar.gz"
    with pytest.raises(DataError, match=rf"none of the {what}, such as f0.*Download {archive}"):
        convert(sound, classes=ONE)
    assert os.listdir(tmp_path) == ["openimages"]


def test_a_broken_archive_is_named_and_the_folders_are_read(sound, convert):
    sound.write()
    (sound.folder / "train-masks-e.zip").write_bytes(b"PK\x03\x04 cut off")
    report = convert(sound, classes=ONE)
    (problem,) = report.problems
    assert problem.code == "unreadable_archive" and "train-masks-e.zip" in problem.where
    assert report.kept == 4


def test_a_damaged_member_costs_only_itself(sound, convert):
    sound.write(zipped=True)
    archive = sound.folder / "train-masks-f.zip"
    with zipfile.ZipFile(archive) as stream:
        info = stream.infolist()[1]
    data = bytearray(archive.read_bytes())
    start = info.header_offset + 30 + len(info.filename)
    data[start + 40 : start + 50] = b"x" * 10
    archive.write_bytes(data)
    sound.write = lambda zipped: sound.folder
    report = convert(sound, classes=ONE)
    (problem,) = report.problems
    assert problem.code == "unreadable_mask" and info.filename in problem.where
    assert "CRC" in problem.message and report.kept == 3


def test_text_files_that_are_missing_or_too_many(sound, tmp_path):
    with pytest.raises(DataError, match="there is no such folder"):
        convert_open_images(tmp_path / "none", tmp_path / "out")
    sound.write()
    names = sound.folder / "class-descriptions-boxable.csv"
    text = names.read_text()
    names.unlink()
    with pytest.raises(DataError, match=r"no class-descriptions-boxable\.csv.*train-annotations"):
        convert_open_images(sound.folder, tmp_path / "out")
    for version in "67":
        (sound.folder / f"oidv{version}-class-descriptions-boxable.csv").write_text(text)
    with pytest.raises(DataError, match="several files would do"):
        convert_open_images(sound.folder, tmp_path / "out")
    named = Source(
        sound.folder,
        class_descriptions=sound.folder / "oidv6-class-descriptions-boxable.csv",
    )
    rules = SelectionRules(min_masks=1, classes=ONE)
    assert convert_open_images(named, tmp_path / "out", rules).kept == 4
    with pytest.raises(DataError, match=r"no validation-annotations-object-segmentation\.csv"):
        convert_open_images(Source(sound.folder, "validation"), tmp_path / "other")
    with pytest.raises(DataError, match="hierarchy: there is no file"):
        convert_open_images(Source(sound.folder, hierarchy="none.json"), tmp_path / "other")


def test_masks_and_images_elsewhere(sound, tmp_path):
    sound.write()
    os.rename(sound.folder / "train-masks-f", tmp_path / "masks")
    os.rename(sound.folder / "train_f", tmp_path / "pictures")
    rules = SelectionRules(min_masks=1, classes=ONE)
    source = Source(sound.folder, masks=[tmp_path / "masks"], images=[tmp_path / "pictures"])
    assert convert_open_images(source, tmp_path / "out", rules).kept == 4
    with pytest.raises(DataError, match="no such folder or archive"):
        convert_open_images(Source(sound.folder, masks=["nowhere"]), tmp_path / "other", rules)


def test_what_is_there_is_not_overwritten(sound, convert, tmp_path):
    convert(sound, classes=ONE)
    before = (tmp_path / "out" / "train.json").read_bytes()
    with pytest.raises(DataError, match="it exists"):
        convert(sound, classes=ONE, masks="polygons")
    assert (tmp_path / "out" / "train.json").read_bytes() == before
    (tmp_path / "out" / "images" / "stale.jpg").touch()
    convert(sound, classes=ONE, masks="polygons", overwrite=True)
    assert (tmp_path / "out" / "train.json").read_bytes() != before
    assert not (tmp_path / "out" / "images" / "stale.jpg").exists()
    assert sorted(os.listdir(tmp_path)) == ["openimages", "out"]


def test_what_no_conversion_wrote_is_never_overwritten(sound, convert, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(DataError, match="no earlier conversion wrote this"):
        convert(sound, classes=ONE, overwrite=True)
    with pytest.raises(DataError, match="the source lies in this folder"):
        convert(sound, classes=ONE, overwrite=True, out=".")
    assert os.listdir(tmp_path / "out") == ["thesis.tex"]


def test_an_earlier_conversion_survives_one_that_fails(sound, convert, tmp_path):
    convert(sound, classes=ONE)
    before = (tmp_path / "out" / "train.json").read_bytes()
    for name in sound.masks:
        sound.masks[name] = b"broken"
    with pytest.raises(DataError, match="no mask is left"):
        convert(sound, classes=ONE, overwrite=True)
    assert (tmp_path / "out" / "train.json").read_bytes() == before


@pytest.mark.parametrize("stage", ["lines", "files", "images"])
def test_ctrl_c_leaves_nothing_behind(sound, convert, tmp_path, stage):
    def stop(now, done, total):
        if now == stage and (stage != "images" or done == 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(sound, classes=ONE, progress=stop, out="new/deep/out")
    assert os.listdir(tmp_path) == ["openimages"]


def test_a_folder_that_cannot_be_written(sound, convert, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match=r"file.*could not be written"):
        convert(sound, classes=ONE, out="file/out")
    assert sorted(os.listdir(tmp_path)) == ["file", "openimages"]


def test_a_link_that_leads_in_a_circle_is_walked_once(sound, convert):
    sound.write()
    (sound.folder / "train_f" / "up").symlink_to(sound.folder)
    assert convert(sound, classes=ONE).kept == 4


def test_an_output_inside_the_source_is_not_read_as_a_source(sound, convert, tmp_path):
    convert(sound, classes=ONE, out="openimages/out")
    os.remove(sound.folder / "train_f" / "f0.jpg")
    del sound.images["f0.jpg"]
    assert convert(sound, classes=ONE).kept == 3


def test_samples_of_a_faulty_mask(sound):
    name = sound.add_plain("fa")
    sound.masks[name] = b"broken"
    sound.write()
    rules = SelectionRules(min_masks=1, classes=ONE)
    strict, lenient = (
        OpenImagesDataset(sound.folder, rules, drop_invalid=flag) for flag in (False, True)
    )
    index = strict.image_ids.index("fa")
    assert len(strict[0]) == 1
    with pytest.raises(DataError, match=f"{name}.*drop_invalid=True"):
        strict[index]
    assert len(lenient[index]) == 0
    with pytest.raises(IndexError):
        strict[5]
