"""A real SavedModel behind TensorFlow Serving's protocols, asked by the client."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tfseg.errors import DataError, ServingError
from tfseg.serving import Client

pytest.importorskip("tensorflow_serving", reason="pip install 'tfseg[serving]'")
if keras.backend.backend() != "tensorflow":
    pytest.skip("only TensorFlow writes SavedModels", allow_module_level=True)
pytestmark = pytest.mark.slow
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def model():
    from toy_estimator import ToyEstimator

    keras.utils.set_random_seed(1)
    made = ToyEstimator(classes=["square", "other"])
    box = made.keras_model.box  # edges in their order, moved a little by what is seen
    box.kernel.assign(0.1 * box.kernel)
    box.bias.assign([-1.5, -1.0, 1.0, 1.5])
    made.fitted = True
    return made


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    """The folder with two versions."""
    folder = tmp_path_factory.mktemp("served") / "squares"
    model.export(folder / "1")
    shutil.copytree(folder / "1", folder / "3")
    return folder


@pytest.fixture(scope="module")
def ports(served):
    words = [sys.executable, str(HERE / "loopback.py"), str(served), "squares", "stable=1"]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=quiet
    )
    rest, grpc = process.stdout.readline().split()
    yield f"http://127.0.0.1:{rest}", f"grpc://127.0.0.1:{grpc}"
    process.stdin.close()
    process.wait(60)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    from toy_estimator import Squares

    folder, paths = tmp_path_factory.mktemp("images"), []
    for index, size in enumerate(((40, 32), (61, 97), (20, 20))):
        exif = Image.Exif()
        exif[0x0112] = 6
        path = folder / f"{index}.{'png' if index == 1 else 'jpg'}"
        Image.fromarray(Squares(3, size=size)[index].image).save(path, exif=exif)
        paths.append(path)
    return paths


def same(found, wanted):
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted):
        assert (one.size, one.image_id, one.path) == (other.size, other.image_id, other.path)
        assert one.class_names == other.class_names and len(one) == len(other) > 0
        np.testing.assert_array_equal(one.class_ids, other.class_ids)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-3)
        assert (one.masks != other.masks).mean() < 0.01


@pytest.mark.parametrize("kind", ["rest", "grpc"])
def test_the_client_gives_what_predict_gives(model, ports, images, kind):
    url = ports[kind == "grpc"]
    wanted = model.predict([str(path) for path in images])
    for more in ({}, {"version": 1}, {"label": "stable"}):
        same(Client(url, "squares", **more).predict(images, batch_size=3), wanted)
    array = np.asarray(Image.open(images[2]).convert("RGB"))
    for found, other in zip(Client(url, "squares").predict(array), model.predict(array)):
        same([found], [other])
    mixed = [images[0], b"no image", images[0].read_bytes()[:300], images[2]]
    answers = list(Client(url, "squares").predict_each(mixed, batch_size=4))
    same([answers[0].prediction, answers[3].prediction], [wanted[0], wanted[2]])
    assert "convert WebP" in str(answers[1].error) and "cut off" in str(answers[2].error)
    with pytest.raises(DataError, match="image 2 of 4"):
        Client(url, "squares").predict(mixed)
    with pytest.raises(ServingError, match="(?i)not found"):
        Client(url, "nobody").predict(images)
    with pytest.raises(ServingError, match="(?i)not found"):
        Client(url, "squares", version=2).predict(images)


def test_malformed_requests_are_refused_one_by_one(ports):
    rest, grpc_url = ports

    def post(content, signature="images_uint8"):
        body = json.dumps({"signature_name": signature, "instances": content}).encode()
        request = urllib.request.Request(f"{rest}/v1/models/squares:predict", body)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["error"]

    assert post([[[[1, 2, 3]]]])[0] == 200
    for content, signature in (
        ([[[["a", "b", "c"]]]], "images_uint8"),
        ([[[]]], "images_uint8"),
        (["text"], "images_float"),
        ([{"strange": 1}], "images_uint8"),
        ([{"b64": "QUJD"}], "nothing"),
    ):
        code, text = post(content, signature)
        assert code == 400 and text, (content, text)
    # Of requests that the server joined, the one whose values are wrong fails alone.
    code, joined = post([[[[0.5, 0.5, 300.0]]], [[[0.5, 0.5, 0.5]]]], "images_float")
    assert code == 200
    bad, good = joined["predictions"]
    assert "got 0.5" in bad["error"] and bad["num_detections"] == 0 and good["error"] == ""
    assert post([[[[1, 2, 3]]]])[0] == 200

    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    channel = grpc.insecure_channel(grpc_url.partition("://")[2])
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    for dtype, sides in ((4, (1, -5, 4, 3)), (1, (1, 2, 2, 3)), (4, (1, 0, 4, 3))):
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = "squares", "images_uint8"
        tensor = request.inputs["images"]
        tensor.dtype = dtype
        for side in sides:
            tensor.tensor_shape.dim.add(size=side)
        tensor.tensor_content = bytes(max(0, int(np.prod(sides)) * (4 if dtype == 1 else 1)))
        with pytest.raises(grpc.RpcError) as refusal:
            stub.Predict(request, 60)
        assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT, sides


def test_messages_larger_than_grpcs_own_limit_go_through(ports, images):
    url, rng = ports[1], np.random.default_rng(0)
    large = [rng.integers(0, 255, (700, 900, 3)).astype(np.uint8)] * 4  # 7.5 MB
    assert len(Client(url, "squares").predict(large, batch_size=4)) == 4
    with pytest.raises(ServingError, match="more than message_mb=4"):
        Client(url, "squares", message_mb=4).predict(large, batch_size=4)


@pytest.mark.serving
def test_tensorflow_serving_itself_gives_the_same(model, served, images):
    program = shutil.which("tensorflow_model_server")
    if program is None:
        pytest.skip("there is no tensorflow_model_server on the PATH")
    words = [program, "--port=18500", "--rest_api_port=18501", "--model_name=squares"]
    process = subprocess.Popen([*words, f"--model_base_path={served}"])
    try:
        wanted = model.predict([str(path) for path in images])
        for url in ("http://127.0.0.1:18501", "grpc://127.0.0.1:18500"):
            start = time.monotonic()
            while time.monotonic() - start < 60:
                try:
                    found = Client(url, "squares").predict(images, batch_size=3)
                    break
                except ServingError:
                    time.sleep(1)
            same(found, wanted)
    finally:
        process.terminate()
        process.wait(30)
