import h5py
import keras
import numpy as np
import pytest

from tfseg.engine import weights
from tfseg.errors import WeightsError


def network(width=3, names=("first", "second"), classes=2):
    inputs = keras.Input((4,))
    x = keras.layers.Dense(width, name=names[0])(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    return keras.Model(inputs, keras.layers.Dense(classes, name=names[1])(x), name="any")


def arrays(model):
    return [keras.ops.convert_to_numpy(v.value) for v in model.weights]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(arrays(first), arrays(second), strict=True))


@pytest.fixture
def saved(tmp_path):
    model = network()
    path = tmp_path / "a.weights.h5"
    weights.save(model, path, {"system": "toy", "class_names": ["x"]})
    return model, path


@pytest.mark.both_backends
def test_round_trip_and_what_the_file_looks_like(saved):
    model, path = saved
    other = network()
    assert not same(model, other)
    report = weights.load(other, path)
    assert same(model, other)
    assert report.loaded == ("first", "norm", "second") and report.source == str(path)
    with h5py.File(path) as file:
        assert set(file["norm"]) == {"gamma", "beta", "moving_mean", "moving_variance"}
        assert file.attrs["class_names"] == '["x"]'
        np.testing.assert_array_equal(file["first/kernel"], model.get_layer("first").kernel)
    assert weights.is_weight_file(path)


def test_all_that_does_not_fit_is_listed(saved):
    _, path = saved
    other = network(names=("first", "third"), width=3)
    before = arrays(other)
    with pytest.raises(WeightsError) as error:
        weights.load(other, path)
    for word in ("not in the file: third", "only in the file: second", "skip_mismatch"):
        assert word in str(error.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, arrays(other)))
    report = weights.load(other, path, skip_mismatch=True)
    assert (report.loaded, report.missing, report.unused) == (
        ("first", "norm"),
        ("third",),
        ("second",),
    )
    with pytest.raises(WeightsError, match="nothing in the file fits"):
        weights.load(network(width=5, names=("p", "q")), path, skip_mismatch=True)


def test_values_that_are_not_finite_are_refused(saved):
    model, path = saved
    model.get_layer("first").kernel.assign(np.full((4, 3), np.nan))
    weights.save(model, path)
    other = network()
    before = arrays(other)
    for skip_mismatch in (False, True):
        with pytest.raises(WeightsError, match="first/kernel has values that are not finite"):
            weights.load(other, path, skip_mismatch)
    assert all(np.array_equal(a, b) for a, b in zip(before, arrays(other)))


def test_files_of_other_kinds_are_named(tmp_path, saved):
    model, good = saved
    model.save_weights(tmp_path / "keras3.weights.h5")
    with h5py.File(tmp_path / "keras2.h5", "w") as file:
        file.attrs["layer_names"] = ["conv1"]
        file.create_group("conv1")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["table"] = [1, 2]
    with h5py.File(tmp_path / "newer.h5", "w") as file:
        file.attrs["format"], file.attrs["format_version"] = weights.FORMAT, 99
    (tmp_path / "cut.h5").write_bytes(good.read_bytes()[:3000])
    (tmp_path / "zip.h5").write_bytes(b"PK\x03\x04 and more")
    (tmp_path / "photo.h5").write_bytes(b"\xff\xd8\xff\xe0 and more")
    (tmp_path / "empty.h5").write_bytes(b"")
    (tmp_path / "text.h5").write_bytes(b"hello hello")
    for name, word in {
        "keras3.weights.h5": "Keras 3.*keras_model.load_weights",
        "keras2.h5": "Keras 2",
        "other.h5": "table",
        "newer.h5": "newer tfseg",
        "cut.h5": "damaged or truncated",
        "zip.h5": "zip archive",
        "photo.h5": "JPEG",
        "empty.h5": "empty file",
        "text.h5": "another kind",
        "nowhere.h5": "does not exist",
        ".": "is a folder",
    }.items():
        with pytest.raises(WeightsError, match=word):
            weights.load(model, tmp_path / name)


def test_names_must_tell_weights_apart_and_files_stay_whole(saved, tmp_path, monkeypatch):
    model, path = saved
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda a, b: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(WeightsError, match="could not be written"):
        weights.save(network(), path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
    inputs = keras.Input((2,))
    first, second = keras.layers.Dense(2, name="a"), keras.layers.Dense(2, name="b")
    twins = keras.Model(inputs, second(first(inputs)))
    second.kernel._path = "a/kernel"
    with pytest.raises(WeightsError, match="two weights .* are called a/kernel"):
        weights.save(twins, tmp_path / "twins.h5")


def test_half_precision_is_read_as_float32(saved, tmp_path):
    model, full = saved
    half = tmp_path / "half.weights.h5"
    weights.save(model, half, {"class_names": ["x"]}, half=True)
    with h5py.File(half) as file:
        assert file["first/kernel"].dtype == np.float16
    other = network()
    report = weights.load(other, half)
    assert report.loaded == ("first", "norm", "second")
    for ours, theirs in zip(arrays(model), arrays(other), strict=True):
        assert theirs.dtype == np.float32
        np.testing.assert_array_equal(theirs, ours.astype(np.float16).astype(np.float32))
    assert not same(model, other)  # numbers were rounded, so the test sees something


def test_what_half_precision_cannot_hold_is_refused_by_name(saved, tmp_path):
    model, _ = saved
    path = tmp_path / "half.weights.h5"
    path.write_bytes(b"what was there")
    norm = model.get_layer("norm")
    for wrong in (65505.0, float("nan"), -1e6):
        norm.moving_variance.assign([1.0, wrong, 2.0])
        with pytest.raises(WeightsError, match=r"norm/moving_variance: .*half precision ends"):
            weights.save(model, path, half=True)
        assert path.read_bytes() == b"what was there"
    norm.moving_variance.assign([1.0, 65504.0, 2.0])
    weights.save(model, path, half=True)
    weights.load(model, path)
    np.testing.assert_array_equal(norm.moving_variance, [1.0, 65504.0, 2.0])
