"""Output that cannot be shown, that nobody reads, and that has nowhere to go."""

import io
import json
import os
import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image

from tfseg.engine.progress import Progress

NAME = "schuh_\u9774_\U0001f45f"
TFSEG = [sys.executable, "-m", "tfseg.cli.main"]

NOTHING_MEASURED = types.SimpleNamespace(measures=())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A small dataset with an error, whose names are in no 8-bit encoding; its COCO file."""
    folder = tmp_path_factory.mktemp("data")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / f"{NAME}.png")
    content = {
        "images": [{"id": 1, "file_name": f"{NAME}.png", "width": 30, "height": 20}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 2, 9, 0], "iscrowd": 0}
        ],
        "categories": [{"id": 1, "name": NAME}],
    }
    file = folder / "annotations.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return os.fspath(file)


def call(words, redirection="", **environment):
    """Runs a command by a shell and returns what it wrote and its exit code."""
    line = " ".join(f"'{word}'" for word in [*TFSEG, *words])
    environment = {**os.environ, **environment}
    command = ["sh", "-c", f"{line} {redirection}"]
    return subprocess.run(command, env=environment, capture_output=True, timeout=120)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1:surrogateescape"])
def test_names_that_cannot_be_shown_are_escaped(data, encoding):
    done = call(["doctor", data], PYTHONIOENCODING=encoding)
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert rb"schuh_\u9774_\U0001f45f" in done.stdout
    done = call(["doctor", f"{data}_{NAME}"], PYTHONIOENCODING=encoding)
    assert done.returncode == 2 and rb"schuh_\u9774_\U0001f45f" in done.stderr


def test_the_users_own_way_with_such_names_stays(data):
    done = call(["doctor", data], PYTHONIOENCODING="ascii:replace")
    assert b"schuh_?_?" in done.stdout and rb"\u9774" not in done.stdout


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_a_closed_stream_changes_no_exit_code(data, closed):
    for words, code in ((["doctor", data], 1), (["--help"], 0), (["nonsense"], 2)):
        done = call(words, closed)
        assert done.returncode == code, done
        assert b"Traceback" not in done.stderr
        assert bool(done.stdout) == (">&- " not in f" {closed} ".replace("2>&-", "") and code < 2)


@pytest.mark.parametrize("redirection", ["", "2>&1"])
def test_a_reader_that_has_gone_is_no_traceback(data, redirection):
    for words in (["--help"], ["doctor", "--help"], ["doctor", data], ["nonsense"]):
        line = " ".join(f"'{word}'" for word in [*TFSEG, *words])
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            ["sh", "-c", f"{line} {redirection}"], stdout=writing, stderr=subprocess.PIPE
        )
        os.close(writing)
        assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr
        assert done.returncode == 1 or words != ["doctor", data]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is full")
def test_a_full_disk_is_one_line(data):
    done = call(["doctor", data], ">/dev/full")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == ["tfseg: the system: No space left on device"]


def test_the_number_of_a_closed_stream_goes_to_no_file(tmp_path):
    code = (
        "import os; os.close(0); os.close(1); os.close(2)\n"
        "from tfseg.cli import streams; streams.mend()\n"
        f"file = open({os.fspath(tmp_path / 'data')!r}, 'w')\n"
        "print('chatter'); os.write(2, b'chatter'); file.write(str(file.fileno()))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert int((tmp_path / "data").read_text()) > 2


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


@pytest.mark.parametrize(("encoding", "sign"), [("ascii", "#"), ("cp1252", "#"), ("utf-8", "█")])
def test_the_bar_of_a_training_is_drawn_with_signs_that_the_terminal_has(encoding, sign):
    stream = Terminal(io.BytesIO(), encoding=encoding)
    progress = Progress(
        types.SimpleNamespace(epochs=1, stage="all", steps=2, estimator=NOTHING_MEASURED), stream
    )
    progress.on_train_begin()
    progress.on_epoch_begin(0)
    progress.on_train_batch_end(1, {"loss": 1.0})
    progress.on_epoch_end(0, {"loss": 1.0})
    stream.flush()
    assert sign in stream.buffer.getvalue().decode(encoding)


def test_a_training_without_standard_output(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    progress = Progress(
        types.SimpleNamespace(epochs=1, stage="all", steps=2, estimator=NOTHING_MEASURED)
    )
    progress.on_train_begin()
    progress.on_epoch_begin(0)
    progress.on_epoch_end(0, {"loss": 1.0})
    progress.stream.close()
