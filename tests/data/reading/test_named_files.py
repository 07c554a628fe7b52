"""Names as other systems write them lead to files inside a folder, and never out of it unasked."""

import os
import unicodedata

from each_case import each

from tfseg.data.reading.named_files import NamedFiles, is_inside


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


FOREIGN = {
    "backslashes": ("photos\\cat.jpg", "photos/cat.jpg"),
    "a drive": ("D:\\work\\photos\\cat.jpg", "photos/cat.jpg"),
    "a drive alone": ("D:cat.jpg", "cat.jpg"),
    "another drive's root": ("\\\\server\\share\\cat.jpg", "cat.jpg"),
    "up and elsewhere": ("..\\..\\upload\\4\\cat.jpg", "cat.jpg"),
    "an absolute path": ("/home/she/set/photos/cat.jpg", "photos/cat.jpg"),
    "one folder too many": ("set/photos/cat.jpg", "photos/cat.jpg"),
    "percent signs": ("my%20cat%2C%20small.jpg", "my cat, small.jpg"),
    "percent signs for slashes": ("photos%2Fcat.jpg", "photos/cat.jpg"),
    "percent signs for the way out": ("%2e%2e%2fcat.jpg", "cat.jpg"),
    "letter case": ("Photos/CAT.JPG", "photos/cat.jpg"),
    "an ending's case": ("cat.JPG", "cat.jpg"),
    "accents apart": (unicodedata.normalize("NFD", "kötér.jpg"), "kötér.jpg"),
    "accents joined": ("fiú.jpg", unicodedata.normalize("NFD", "fiú.jpg")),
    "an address": ("http://some.org/set/photos/cat.jpg?size=full#x", "photos/cat.jpg"),
    "a bucket": ("s3://bucket/photos/cat.jpg", "photos/cat.jpg"),
    "a local file of a server": ("/data/local-files/?d=photos%2Fcat.jpg", "photos/cat.jpg"),
}


@each("kind", FOREIGN)
def test_names_of_other_systems(tmp_path, kind):
    name, lies = FOREIGN[kind]
    touch(tmp_path, lies, "photos/other.jpg")
    found = NamedFiles([str(tmp_path)]).find(name)
    assert found.path == str(tmp_path / lies) and not found.literal


def test_a_name_as_it_stands_comes_first(tmp_path):
    touch(tmp_path, "a%20b.jpg", "a b.jpg", "x\\y.jpg", "y.jpg", "A.jpg", "a.jpg")
    files = NamedFiles([str(tmp_path)])
    for name in ("a%20b.jpg", "x\\y.jpg", "A.jpg"):
        found = files.find(name)
        assert found.path == str(tmp_path / name) and found.literal
    inside = files.find(str(tmp_path / "a.jpg"))
    assert inside.path == str(tmp_path / "a.jpg") and inside.literal


def test_as_many_parts_as_fit(tmp_path):
    touch(tmp_path, "train/1.jpg", "val/1.jpg", "1.jpg")
    files = NamedFiles([str(tmp_path)])
    assert files.find("C:\\set\\val\\1.jpg").path == str(tmp_path / "val" / "1.jpg")
    assert files.find("/elsewhere/test/1.jpg").path == str(tmp_path / "1.jpg")


def test_letter_case_must_leave_one(tmp_path):
    touch(tmp_path, "Cat.jpg", "cAT.jpg")
    found = NamedFiles([str(tmp_path)]).find("cat.jpg")
    assert found.path is None
    assert sorted(map(os.path.basename, found.several)) == ["Cat.jpg", "cAT.jpg"]


@each("name", ["../secret.jpg", "in/../../secret.jpg", "{}/secret.jpg"])
def test_no_name_leads_out(tmp_path, name):
    touch(tmp_path, "secret.jpg", "set/in/a.jpg")
    folder, name = str(tmp_path / "set"), name.format(tmp_path)
    found = NamedFiles([folder]).find(name)
    assert found.path is None and found.outside.endswith("secret.jpg")
    allowed = NamedFiles([folder], allow_outside=True).find(name)
    assert os.path.samefile(allowed.path, tmp_path / "secret.jpg")
    assert NamedFiles([folder], within=[str(tmp_path)]).find(name).path is not None
    # The file of that name in the folder is what is meant, where there is one.
    touch(tmp_path, "set/secret.jpg")
    assert NamedFiles([folder]).find(name).path == str(tmp_path / "set" / "secret.jpg")


def test_links_in_the_folder_are_followed_but_lead_no_name_out(tmp_path):
    touch(tmp_path, "store/deep/a.jpg", "store/b.jpg")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "photos").symlink_to(tmp_path / "store" / "deep")
    (tmp_path / "set" / "c.jpg").symlink_to(tmp_path / "store" / "b.jpg")
    files = NamedFiles([str(tmp_path / "set")])
    assert files.find("photos/a.jpg").literal and files.find("c.jpg").path
    assert files.find("photos/../b.jpg").path is None  # not store/b.jpg
    assert is_inside("set/x", "set") and not is_inside("set", "set")
    assert not is_inside("settings/x", "set")


@each("name", ["", ".", "..", "/", "photos", "a\0.jpg", "x" * 5000, "\ud800.jpg"])
def test_names_that_are_none(tmp_path, name):
    touch(tmp_path, "photos/a.jpg")
    found = NamedFiles([str(tmp_path), str(tmp_path / "none")]).find(name)
    assert (found.path, found.outside, found.several) == (None, None, ())
