"""The client against a server of ten lines: what it asks, how it waits, what it says.

No TensorFlow here; `test_loopback.py` asks a real model over the real protocols."""

import ast
import base64
import contextlib
import io
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfseg.errors import ConfigError, DataError, ServingError
from tfseg.serving import Client

FACTS = {"answers": "objects", "mask_paste": "box", "class_names": ["cat"], "tfseg": "9"}
ROW = {
    "num_detections": 1,
    "detection_boxes": [[2, 1, 6, 5], [0, 0, 0, 0]],
    "detection_classes": [1, 0],
    "detection_scores": [0.75, 0],
    "detection_masks": [[[1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]],
    "image_sizes": [8, 10],
    "error": "",
}


@pytest.fixture
def server():
    """A server with `answers`: a list of (code, content) or functions of the request, used up one
    after another; `asked` are the paths and requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.asked.append((self.path, request))
            if request.get("signature_name") == "describe" and not made.strange:
                code, content = 200, {"predictions": [json.dumps(made.facts)]}
            else:
                answer = made.answers.pop(0)
                code, content = answer(request) if callable(answer) else answer
            text = json.dumps(content).encode()
            with contextlib.suppress(BrokenPipeError):  # a client that waited long enough
                self.send_response(code)
                self.end_headers()
                self.wfile.write(text)

        def log_message(self, *args):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.answers, made.asked, made.facts, made.strange = [], [], FACTS, False
    made.url = f"http://127.0.0.1:{made.server_port}"
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def rows(request):
    return 200, {"predictions": [ROW for _ in request["instances"]]}


def test_predictions_are_those_of_predict_and_images_arrive_as_they_were(server, tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (8, 10, 3)).astype(np.uint8)
    (tmp_path / "a b.jpg").write_bytes(b"a file")
    server.answers = [rows, rows]
    client = Client(server.url, "pets", label="canary")
    files = [tmp_path / "a b.jpg", io.BytesIO(b"open"), image]
    first, second, third = client.predict(files, batch_size=2)
    assert (first.image_id, second.image_id, third.image_id) == ("a b", 1, 2)
    assert first.path == str(tmp_path / "a b.jpg") and first.names == ["cat"]
    wanted = np.zeros((8, 10), bool)
    wanted[2:6, 1:3] = True
    np.testing.assert_array_equal(first.masks[0], wanted)
    path, request = server.asked[1]
    assert path == "/v1/models/pets/labels/canary:predict"
    sent = [base64.b64decode(one["b64"]) for one in request["instances"]]
    assert sent == [b"a file", b"open"]
    last = base64.b64decode(server.asked[2][1]["instances"][0]["b64"])
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(last))), image)


def test_a_broken_image_is_named_and_the_others_are_answered(server, tmp_path):
    broken = {**ROW, "error": "cut off"}
    server.answers = [(200, {"predictions": [ROW, broken]}), rows]
    images = [b"x", b"y", tmp_path / "none.jpg", np.zeros((3, 3)), b"z"]
    found = list(Client(server.url, "pets").predict_each(images, batch_size=3))
    errors = [str(one.error) if one.error else None for one in found]
    assert errors[0] is errors[4] is None and len(found[4].prediction) == 1
    assert errors[1] == "image 2 of 5: cut off"
    assert "none.jpg: cannot be read" in errors[2] and "float64 (3, 3)" in errors[3]
    server.answers = [(200, {"predictions": [broken]})]
    with pytest.raises(DataError, match="image 1 of 1: cut off"):
        Client(server.url, "pets").predict(b"x")


def test_it_waits_for_a_server_and_not_for_ever(server, monkeypatch):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    server.answers = [(503, {"error": "no time"}), (429, {"error": "no time"}), rows]
    client = Client(server.url, "pets", retries=2)
    assert len(client.predict(b"x")) == 1 and waits == [0.2, 0.4]
    server.answers = [(503, {"error": "no time"})] * 3
    with pytest.raises(ServingError, match=r"refuses \(503\): no time \(asked 3 times\)"):
        client.predict(b"x")
    server.answers = [(400, {"error": "wrong"})]
    with pytest.raises(ServingError, match=r"refuses \(400\): wrong$"):
        client.predict(b"x")
    with pytest.raises(ServingError, match="no server answers.*Start it"):
        Client("http://127.0.0.1:9", "pets", retries=1).predict(b"x")


def test_a_slow_server_a_large_answer_and_a_large_request(server):
    gate = threading.Event()

    def slow(request):
        gate.wait(5)
        return rows(request)

    server.answers = [slow]
    client = Client(server.url, "pets", timeout=0.3)
    with pytest.raises(ServingError, match="no answer within timeout=0.3 seconds"):
        client.predict(b"x")
    gate.set()
    small = Client(server.url, "pets", message_mb=0.001)
    with pytest.raises(ServingError, match="request has 0.00.* MB, more than message_mb="):
        small.predict(b"x" * 2000)
    server.answers = [lambda request: (200, {"predictions": [ROW], "more": "x" * 3000})]
    with pytest.raises(ServingError, match="answer has more than message_mb="):
        small.predict(b"x")


def test_what_is_no_server_of_ours_is_told(server):
    with pytest.raises(ConfigError, match="http://, https:// or grpc://"):
        Client("localhost:8501", "pets")
    with pytest.raises(ConfigError, match="give one of them"):
        Client(server.url, "pets", version=1, label="stable")
    with pytest.raises(ConfigError, match="takes images alone"):
        Client(server.url, "pets").predict(b"x", poses=[])
    server.strange, server.answers = True, [(200, {"predictions": [[0.5]]})]
    with pytest.raises(ServingError, match="does not describe itself"):
        Client(server.url, "pets").predict(b"x")
    server.answers = [(200, {"outputs": 1})]
    with pytest.raises(ServingError, match="expected JSON with predictions"):
        Client(server.url, "pets").predict(b"x")
    server.strange, server.facts = False, {**FACTS, "answers": "songs"}
    with pytest.raises(ServingError, match="'songs', which this version"):
        Client(server.url, "pets").predict(b"x")


def test_the_room_needs_numpy_pillow_and_structures_alone(repo_root):
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'keras', 'cv2', 'h5py']));"
        "from tfseg.serving import Client; import tfseg.serving.rest;"
        "Client('http://127.0.0.1:9', 'x', retries=0);"
        "rooms = {m.split('.')[1] for m in sys.modules if m.startswith('tfseg.')};"
        "print(sorted(rooms))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repo_root, capture_output=True, text=True, check=True
    )
    assert set(ast.literal_eval(done.stdout)) <= {"errors", "files", "serving", "structures"}
    allowed = {"errors", "serving", "structures"}
    for path in Path(repo_root, "tfseg", "serving").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            module = getattr(node, "module", None) or ""
            if isinstance(node, ast.ImportFrom) and module.startswith("tfseg."):
                assert module.split(".")[1] in allowed, f"{path}: {module}"
