"""What of a folder is read as images, and what is said of the rest."""

import logging

import pytest
from PIL import Image

from tfseg.data.images.image_files import images_in, is_image_file, passed_over
from tfseg.data.images.images import read_image
from tfseg.errors import DataError


def test_what_is_passed_over_is_counted_by_ending(tmp_path, caplog):
    for name in ("a.JPG", "b.jfif", "c.jpe", "d.avif"):
        Image.new("RGB", (40, 30), "red").save(
            tmp_path / name, "AVIF" if "avif" in name else "JPEG"
        )
    for name in ("._a.JPG", ".DS_Store", "e.heic", "f.HEIC", "notes.txt", "README"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7 something else")
    with caplog.at_level(logging.WARNING, "tfseg.data"):
        found = images_in(tmp_path)
    assert [path.name for path in found] == ["a.JPG", "b.jfif", "c.jpe", "d.avif"]
    assert all(read_image(path).shape == (30, 40, 3) for path in found)
    assert "4 files are passed over: 2 .heic, 1 .txt, 1 without ending." in caplog.text
    assert "heif-convert" in caplog.text
    assert passed_over(["a.jpg", ".hidden"]) == "" and not is_image_file("._a.jpg")
    for path in found:
        path.unlink()
    with pytest.raises(DataError, match="no images.*2 .heic"):
        images_in(tmp_path)


def test_heic_is_named_with_the_remedy(tmp_path):
    path = tmp_path / "phone.jpg"
    path.write_bytes(b"\0\0\0\x24ftypheic\0\0\0\0mif1" + bytes(60))
    for source in (path, path.read_bytes()):
        with pytest.raises(DataError, match="HEIC image.*JPEG"):
            read_image(source)


def test_images_in_folders_inside_are_told(tmp_path, caplog):
    for name in ("a.jpg", "sub/b.jpg", "notes/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [file.name for file in images_in(tmp_path)] == ["a.jpg"]
    assert "folders inside are not searched: sub." in caplog.text
