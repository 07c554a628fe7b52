"""`tfseg predict` of lists, videos and files that hold all predictions."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tfseg import models
from tfseg.cli.main import main
from tfseg.structures import Prediction
from tfseg.visualize import save_png

HERE = Path(__file__).parent


@pytest.fixture
def many(tmp_path):
    """A folder of 90 small images, one of them cut off."""
    folder = tmp_path / "many"
    for index in range(90):
        save_png(folder / f"{index:03d}.png", np.full((6 + index % 3, 9, 3), index, np.uint8))
    data = (folder / "040.png").read_bytes()
    (folder / "040.png").write_bytes(data[: len(data) // 2])
    return folder


def stop_after_70(monkeypatch):
    """Has the writing end as after Ctrl-C when 70 images are done."""
    from tfseg.results import endless

    record, count = endless._record, iter(range(1000))

    def stop(*args):
        if next(count) == 70:
            raise KeyboardInterrupt
        return record(*args)

    monkeypatch.setattr(endless, "_record", stop)


def test_what_was_interrupted_goes_on_with_the_same_command(pretend, many, capsys, monkeypatch):
    words = ["predict", "model", str(many), "--format", "jsonl", "--out"]
    assert main([*words, "whole.jsonl"]) == 1
    err = capsys.readouterr().err
    assert "1 of 90 images failed\n  " in err and "040.png" in err
    stop_after_70(monkeypatch)
    assert main([*words, "part.jsonl"]) == 130
    assert not Path("part.jsonl").exists()
    assert main([*words[:-1], "--score-threshold", "0.9", "--out", "part.jsonl"]) == 2
    assert "something else (other score_threshold)" in capsys.readouterr().err
    assert main([*words, "part.jsonl"]) == 1
    assert "going on behind 64 of 90 images" in capsys.readouterr().out
    assert Path("part.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()


@pytest.mark.parametrize("change", ["size", "time", "poses"])
def test_an_input_that_was_replaced_meanwhile_is_not_gone_on_with(
    pretend, many, capsys, monkeypatch, change
):
    from tfseg.cli import extras

    stop_after_70(monkeypatch)
    monkeypatch.setattr(extras, "of_files", lambda *args: {})
    Path("poses.json").write_text("[]")
    words = ["predict", "model", str(many), "--format", "jsonl", "--out", "found.jsonl"]
    words += ["--poses", "poses.json"] if change == "poses" else []
    assert main(words) == 130
    first, state = many / "000.png", (many / "000.png").stat()
    if change == "size":
        save_png(first, np.random.default_rng(0).integers(0, 255, (6, 9, 3), np.uint8))
        os.utime(first, ns=(state.st_atime_ns, state.st_mtime_ns))
    elif change == "time":
        os.utime(first, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000_000))
    else:
        Path("poses.json").write_text("[ ]")
    capsys.readouterr()
    assert main(words) == 2
    error = capsys.readouterr().err
    meant = "poses, boxes or such" if change == "poses" else "inputs, or one that was changed since"
    assert f"something else (other {meant}) lies there" in error and "remove that file" in error
    Path(".predictions.journal.found.jsonl").unlink()
    assert main(words) == 1 and len(Path("found.jsonl").read_text().splitlines()) == 90


def test_a_list_counts_its_paths_from_its_folder(pretend, many, capsys):
    (many / "list.txt").write_text("001.png\n\n003.png\n")
    words = ["predict", "model", "many/list.txt", "--format", "coco", "--out", "found.json"]
    assert main(words) == 0
    images = json.loads(Path("found.images.json").read_text())["images"]
    assert [one["file_name"] for one in images] == ["many/001.png", "many/003.png"]
    assert len(json.loads(Path("found.json").read_text())) == 4
    (many / "list.txt").write_text("\n")
    assert main(words) == 2 and "the list is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "replaced"),
    [
        (["photos", "--out", "photos"], "photos/a.png"),
        (["photos", "--out", "photos", "--json"], "photos/a.png"),
        (["linked", "--out", "photos"], "photos/a.png"),
        (["photos/a.png", "--out", "linked"], "linked/a.png"),
        (["list.jsonl.txt", "--out", "list.jsonl", "--format", "jsonl"], "list.jsonl"),
        (["val.json", "--out", "val.json", "--format", "coco"], "val.json"),
        (["val.json", "--out", "val", "--format", "coco", "--json"], "val/predictions.json"),
        (["val.json", "--out", "images"], "images/1.png"),
    ],
)
def test_files_that_are_read_are_not_written(pretend, photos, monkeypatch, capsys, words, replaced):
    (photos / "c.jpg").unlink()
    os.symlink("photos", "linked")
    Path("list.jsonl").write_text("photos/a.png\n")
    os.symlink("list.jsonl", "list.jsonl.txt")
    Path("images").mkdir()
    shutil.copy(photos / "a.png", "images/1.png")
    monkeypatch.setattr("tfseg.cli.datasets.open_split", lambda *args: PretendFiles())
    Path("val.json").write_text("{}")
    Path("val").mkdir()
    os.link("val.json", "val/predictions.json")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert main(["predict", "model", *words]) == 2
    error = capsys.readouterr().err
    assert f"--out: {replaced} would replace" in error and "Name another place" in error
    assert before == {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


class PretendFiles:
    """A dataset that says where its images lie."""

    class_names = ("suit", "dress")

    def __len__(self):
        return 2

    def image_path(self, index):
        return (None, "images/1.png")[index]


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_label_map_does_not_take_the_place_of_an_image(pretend, photos, monkeypatch, more):
    def parsed(self, outputs, item, *, path, **told):
        maps = {"colors": np.ones(item.image.shape[:2], np.uint8)}
        return Prediction.from_masks(
            np.ones((1, *item.image.shape[:2]), bool),
            boxes=[[1, 2, 4, 5]],
            class_ids=[1],
            scores=[0.9],
            class_names=self.class_names,
            path=path,
            label_maps=maps,
            label_names={"colors": ("red",)},
        )

    monkeypatch.setattr(models.system("any"), "_decode", parsed)
    save_png("out/a_colors.png", np.full((9, 9, 3), 7, np.uint8))
    os.symlink("out/a_colors.png", "linked.png")
    before = Path("out/a_colors.png").read_bytes()
    assert main(["predict", "model", "photos/a.png", "linked.png", "--out", "out", *more]) == 0
    assert Path("out/a_colors.png").read_bytes() == before
    assert Path("out/a_colors_2.png").is_file() and Path("out/linked_colors.png").is_file()


def test_a_video_is_not_replaced_by_its_drawing(pretend, capsys):
    write_clip("clip.avi", 3)
    shutil.move("clip.avi", "clip.mp4")
    os.symlink("clip.mp4", "linked.mp4")
    before = Path("clip.mp4").read_bytes()
    for given, out in (("clip.mp4", "clip.mp4"), ("linked.mp4", "clip.mp4"), ("clip.mp4", ".")):
        if out == ".":
            os.link("clip.mp4", "predictions.mp4")
        assert main(["predict", "model", given, "--format", "video", "--out", out]) == 2
        assert "would replace a file of yours" in capsys.readouterr().err
    assert Path("clip.mp4").read_bytes() == before


def write_clip(path, frames, step=2):
    """Writes a video whose frames are ever lighter."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (48, 32))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no videos")
    for number in range(frames):
        writer.write(np.full((32, 48, 3), 20 + step * number, np.uint8))
    writer.release()


def frames_of(path):
    """Returns the grey value of each frame's background."""
    reader, found = cv2.VideoCapture(str(path)), []
    while (read := reader.read())[0]:
        found.append(np.median(read[1]))
    return found


def test_a_video_is_drawn_and_its_frames_are_counted(pretend, tmp_path, capsys):
    write_clip("clip.avi", 70)
    words = ["predict", "model", "clip.avi", "--out"]
    assert main([*words, "frames.jsonl", "--format", "jsonl"]) == 0
    rows = [json.loads(line) for line in Path("frames.jsonl").read_text().splitlines()]
    assert [row["size"] for row in rows] == [[32, 48]] * 70
    assert main([*words, "drawn.mp4"]) == 0
    drawn = cv2.VideoCapture("drawn.mp4")
    assert round(drawn.get(cv2.CAP_PROP_FPS)) == 10
    assert len(frames_of("drawn.mp4")) == 70
    assert main(["predict", "model", "clip.avi", "more.avi", "--out", "x"]) == 2
    assert "predicted alone" in capsys.readouterr().err
    assert main(["predict", "model", "many", "--format", "video", "--out", "x"]) == 2


def found_by_grey(self, outputs, item, *, score_threshold, image_id, path):
    """Stands for `_decode`: one object, whose place and score say which frame it is."""
    level = int(item.image.mean())
    mask = np.zeros((1, *item.image.shape[:2]), bool)
    mask[:, level % 24 : level % 24 + 8, level % 40 : level % 40 + 8] = True
    found = {"class_ids": [1], "scores": [level / 255], "class_names": self.class_names}
    boxes = [[level % 24, level % 40, level % 24 + 8, level % 40 + 8]]
    return Prediction.from_masks(mask, boxes=boxes, image_id=image_id, path=path, **found)


VIDEO_FORMS = {
    "jsonl": ["found.jsonl", "--format", "jsonl"],
    "coco": ["coco", "--format", "coco"],
    "drawn": ["drawn"],
    "video": ["drawn.mp4"],
}


@pytest.mark.parametrize("form", list(VIDEO_FORMS))
def test_a_video_that_was_interrupted_goes_on_and_has_each_frame_once(
    pretend, tmp_path, capsys, monkeypatch, form
):
    for place in ("whole", "part"):
        Path(place).mkdir()
        write_clip(Path(place, "clip.avi"), 100)
    model, decoded = models.system("any"), []
    out, *more = VIDEO_FORMS[form]
    words = ["predict", str(tmp_path / "model"), "clip.avi", *more, "--out", out]

    def stop(self, outputs, item, **told):
        decoded.append(told["image_id"])
        if len(decoded) == 80:
            raise KeyboardInterrupt
        return found_by_grey(self, outputs, item, **told)

    monkeypatch.setattr(model, "_decode", found_by_grey)
    monkeypatch.chdir("whole")
    assert main(words) == 0
    monkeypatch.chdir("../part")
    monkeypatch.setattr(model, "_decode", stop)
    assert main(words) == 130
    assert not Path(out).is_file() and not list(Path().rglob("predictions*.json"))
    write_clip("other.avi", 99)
    shutil.copy2("clip.avi", "kept.avi")
    shutil.move("other.avi", "clip.avi")
    assert main(words) == 2 and "something else (other inputs" in capsys.readouterr().err
    shutil.move("kept.avi", "clip.avi")
    assert main(words) == 0
    assert "going on behind 64 images" in capsys.readouterr().out
    assert sorted(decoded) == sorted([*range(80), *range(64, 100)])
    files = {p.relative_to("../whole") for p in Path("../whole").rglob("*")}
    assert files == {p.relative_to(".") for p in Path().rglob("*")}
    for file in files:
        if Path(file).is_file():
            assert Path(file).read_bytes() == Path("../whole", file).read_bytes(), file
    if form == "video":
        assert len(frames_of(out)) == 100
    if form == "jsonl":
        scores = [json.loads(x)["objects"][0]["score"] for x in Path(out).read_text().splitlines()]
        assert len(scores) == 100 and (np.diff(scores) > 0).all()


# A process of its own, which is killed while it writes the drawn video.
KILLED = """
import importlib, os, signal, sys
from conftest import PretendModel
from test_streaming import found_by_grey
from tfseg import models
from tfseg.cli import quiet
from tfseg.cli.main import main

draw = importlib.import_module("tfseg.visualize.draw")
models.load, quiet.import_backend = PretendModel.load, lambda: None
PretendModel._decode = found_by_grey
drawing, drawn = draw.draw, []

def draw_or_die(*args, **options):
    drawn.append(0)
    if len(drawn) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    return drawing(*args, **options)

draw.draw = draw_or_die
sys.exit(main(["predict", "model", "clip.avi", "--out", "out/drawn.mp4"]))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such signal")
def test_a_process_killed_while_it_writes_the_video_leaves_none_and_the_next_one_a_whole(tmp_path):
    write_clip(tmp_path / "clip.avi", 40, step=5)
    (tmp_path / "model").mkdir()
    paths = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    environment = {**os.environ, "PYTHONPATH": paths}

    def run(at):
        words = [sys.executable, "-c", KILLED, str(at)]
        options = dict(cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        return subprocess.run(words, **options)

    assert run(25).returncode == -signal.SIGKILL
    assert not (tmp_path / "out" / "drawn.mp4").exists()
    done = run(-1)
    assert done.returncode == 0 and "going on behind 40 images" in done.stdout, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["drawn.mp4"]
    seen = frames_of(tmp_path / "out" / "drawn.mp4")
    assert len(seen) == 40 and (np.diff(seen) > 0).all()
