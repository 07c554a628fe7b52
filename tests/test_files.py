import json
import os
import subprocess
import sys
import threading

import pytest

from tfseg import files
from tfseg.errors import ConfigError, DataError, WeightsError


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(RuntimeError), files.replacing_folder(target, error=WeightsError) as folder:
        (folder / "new").write_text("new")
        raise RuntimeError
    assert os.listdir(target) == ["old"] and os.listdir(tmp_path) == ["model"]
    with files.replacing_folder(target, error=WeightsError) as folder:
        (folder / "new").write_text("new")
        assert os.listdir(target) == ["old"]
    assert os.listdir(target) == ["new"] and os.listdir(tmp_path) == ["model"]
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="could not be written"):
        with files.replacing_folder(tmp_path / "file" / "x", error=WeightsError):
            pass


def test_a_replacement_that_fails_at_the_very_end_brings_the_old_one_back(tmp_path, monkeypatch):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").write_text("old")
    rename = os.rename

    def fail(source, destination):
        if ".partial" in str(source):
            raise OSError(5, "Input/output error")
        rename(source, destination)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(WeightsError, match="Input/output error"):
        with files.replacing_folder(target, error=WeightsError):
            pass
    assert os.listdir(target) == ["old"] and os.listdir(tmp_path) == ["model"]


def test_a_file_is_whole_or_what_it_was(tmp_path, monkeypatch):
    path = tmp_path / "new" / "a.bin"
    assert files.write_whole(path, b"one") == path and path.read_bytes() == b"one"
    (path.parent / ".a.bin.99999999.1.partial").write_bytes(b"left by a process that was killed")
    mine = path.parent / f".a.bin.{os.getppid()}.1.partial"
    mine.write_bytes(b"of a process that runs")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"a\.bin: could not be written \(No space left"):
        files.write_whole(path, b"two", error=DataError)
    with pytest.raises(DataError, match=r"a\.bin: could not be written \(No space left"):
        files.write_together({path: b"two", tmp_path / "b": b"three"}, error=DataError)
    assert path.read_bytes() == b"one"
    assert sorted(os.listdir(path.parent)) == sorted([mine.name, "a.bin"])
    assert os.listdir(tmp_path) == ["new"]


def test_writers_of_one_file_do_not_mix(tmp_path):
    path, texts = tmp_path / "a", [bytes([65 + k]) * 50_000 for k in range(4)]
    writers = [
        threading.Thread(target=lambda t=t: [files.write_whole(path, t) for _ in range(5)])
        for t in texts
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_bytes() in texts and os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_a_folder_without_a_name_is_refused(name):
    for call in (files.check_folder, files.recovered):
        with pytest.raises(ConfigError, match="expected the name of a folder"):
            call(name, error=ConfigError)


def test_the_folder_one_stands_in_is_read_and_not_replaced(tmp_path, monkeypatch):
    inside = tmp_path / "model" / "inside"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    for name in (".", "..", "../inside", tmp_path / "model"):
        assert files.recovered(name).is_dir()
        with pytest.raises(ConfigError, match="this process stands in that folder"):
            with files.replacing_folder(name, error=ConfigError):
                pass
    with files.replacing_folder("../beside") as folder:
        (folder / "new").write_text("new")
    assert sorted(os.listdir(tmp_path / "model")) == ["beside", "inside"]


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    for text in ("one", "two"):
        with files.replacing_folder(tmp_path / "link") as folder:
            (folder / "a").write_text(text)
        assert (tmp_path / "disk" / "a").read_text() == text
    assert (tmp_path / "link").is_symlink() and sorted(os.listdir(tmp_path)) == ["disk", "link"]


def test_a_reader_between_the_two_renames_does_not_stop_the_writer(tmp_path, monkeypatch):
    target, rename = tmp_path / "model", os.rename
    target.mkdir()

    def read_first(source, destination):
        if ".partial" in str(source):
            monkeypatch.setattr(os, "rename", rename)
            files.recovered(target)
        rename(source, destination)

    (target / "old").write_text("old")
    monkeypatch.setattr(os, "rename", read_first)
    with files.replacing_folder(target) as folder:
        (folder / "new").write_text("new")
    assert os.listdir(target) == ["new"] and os.listdir(tmp_path) == ["model"]


def test_every_flipped_bit_shows(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"short")
    assert not files.check_seal(path)
    content = bytes(range(40))
    content += files.seal(content)
    path.write_bytes(content)
    assert files.check_seal(path)
    for place in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match="differs from its own checksum. Copy it again"):
            files.check_seal(path, error=WeightsError)


HOLD = """
import sys, time
from tfseg import files
with files.locked(sys.argv[1], "a training"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["locks", "no locks"])
def system(request, monkeypatch):
    """File systems with locks, and those without."""
    if request.param == "no locks":
        monkeypatch.setattr(files, "_try_lock", lambda descriptor: None)
    return request.param


def test_a_lock_ends_with_its_owner(tmp_path, system):
    path = tmp_path / ".lock"
    words = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as owner:
        try:
            assert owner.stdout.readline() == "held\n"
            with pytest.raises(
                ConfigError, match=rf"a training uses it.*process {owner.pid} on .*since 20"
            ):
                with files.locked(path, "a training", error=ConfigError):
                    pass
        finally:
            owner.kill()
    assert path.is_file()
    with files.locked(path, "a training"):
        with pytest.raises(ConfigError, match=rf"process {os.getpid()} "):
            with files.locked(path, "a training", error=ConfigError):
                pass
        assert path.is_file()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "note", ["", "no JSON", "[]", '{"pid": -5.5}', '{"pid": 99999999999999999999}', "PID"]
)
def test_notes_that_are_no_longer_true(tmp_path, system, note):
    """PID: a restarted container has the same machine name and the same numbers."""
    path = tmp_path / ".lock"
    pid = os.getpid() if note == "PID" else 99_999_999
    owner = json.dumps({"pid": pid, "host": files.platform.node(), "since": "2020"})
    path.write_text(owner if note == "PID" else note)
    if "9999" in note:
        path.write_text(owner.replace(str(pid), "99999999999999999999"))
    with files.locked(path, "a training"):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert os.listdir(tmp_path) == []


def test_without_locks_another_machines_note_counts(tmp_path, monkeypatch):
    path = tmp_path / ".lock"
    path.write_text(json.dumps({"pid": 1, "host": "elsewhere", "since": "2020-01-01 10:00:00"}))
    monkeypatch.setattr(files, "_try_lock", lambda descriptor: None)
    with pytest.raises(
        ConfigError, match="process 1 on elsewhere, since 2020-01-01 10:00:00.*remove"
    ):
        with files.locked(path, "a training", error=ConfigError):
            pass
    path.unlink()
    with files.locked(path, "a training"):
        pass


def test_a_forked_child_does_not_keep_a_dead_owners_lock(tmp_path):
    path = tmp_path / ".lock"
    words = """
import os, sys, time
from tfseg import files
with files.locked(sys.argv[1], "a training"):
    child = os.fork()
    if child == 0:
        os.close(1)
        time.sleep(30)
        os._exit(0)
    print(child, flush=True)
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run(
        [sys.executable, "-c", words, str(path)], stdout=subprocess.PIPE, text=True
    )
    child = int(done.stdout)
    try:
        with files.locked(path, "a training"):
            pass
    finally:
        os.kill(child, 9)
