"""`tfseg predict` of lists, videos and files that hold all predictions."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tfseg.cli.main import main
from tfseg.visualize import save_png


@pytest.fixture
def many(tmp_path):
    """A folder of 90 small images, one of them cut off."""
    folder = tmp_path / "many"
    for index in range(90):
        save_png(folder / f"{index:03d}.png", np.full((6 + index % 3, 9, 3), index, np.uint8))
    data = (folder / "040.png").read_bytes()
    (folder / "040.png").write_bytes(data[: len(data) // 2])
    return folder


def test_what_was_interrupted_goes_on_with_the_same_command(pretend, many, capsys, monkeypatch):
    words = ["predict", "model", str(many), "--format", "jsonl", "--out"]
    assert main([*words, "whole.jsonl"]) == 1
    err = capsys.readouterr().err
    assert "1 of 90 images failed\n  " in err and "040.png" in err
    from tfseg.results import endless

    record, count = endless._record, iter(range(1000))

    def stop(*args):
        if next(count) == 70:
            raise KeyboardInterrupt
        return record(*args)

    monkeypatch.setattr(endless, "_record", stop)
    assert main([*words, "part.jsonl"]) == 130
    assert not Path("part.jsonl").exists()
    assert main([*words[:-1], "--score-threshold", "0.9", "--out", "part.jsonl"]) == 2
    assert "something else (other score_threshold)" in capsys.readouterr().err
    assert main([*words, "part.jsonl"]) == 1
    assert "going on behind 64 of 90 images" in capsys.readouterr().out
    assert Path("part.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()


def test_a_list_counts_its_paths_from_its_folder(pretend, many, capsys):
    (many / "list.txt").write_text("001.png\n\n003.png\n")
    words = ["predict", "model", "many/list.txt", "--format", "coco", "--out", "found.json"]
    assert main(words) == 0
    images = json.loads(Path("found.images.json").read_text())["images"]
    assert [one["file_name"] for one in images] == ["many/001.png", "many/003.png"]
    assert len(json.loads(Path("found.json").read_text())) == 4
    (many / "list.txt").write_text("\n")
    assert main(words) == 2 and "the list is empty" in capsys.readouterr().err


def test_a_video_is_drawn_and_its_frames_are_counted(pretend, tmp_path, capsys):
    writer = cv2.VideoWriter("clip.avi", cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (48, 32))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no videos")
    for number in range(70):
        writer.write(np.full((32, 48, 3), 3 * number, np.uint8))
    writer.release()
    words = ["predict", "model", "clip.avi", "--out"]
    assert main([*words, "frames.jsonl", "--format", "jsonl"]) == 0
    rows = [json.loads(line) for line in Path("frames.jsonl").read_text().splitlines()]
    assert [row["size"] for row in rows] == [[32, 48]] * 70
    assert main([*words, "drawn.mp4"]) == 0
    drawn = cv2.VideoCapture("drawn.mp4")
    assert round(drawn.get(cv2.CAP_PROP_FPS)) == 10
    count = 0
    while drawn.read()[0]:
        count += 1
    assert count == 70
    assert main(["predict", "model", "clip.avi", "more.avi", "--out", "x"]) == 2
    assert "predicted alone" in capsys.readouterr().err
    assert main(["predict", "model", "many", "--format", "video", "--out", "x"]) == 2
