"""Tensors out of `.safetensors` and PyTorch files, and what happens with broken ones."""

from __future__ import annotations

import argparse
import importlib.util
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
from foreign_files import write_safetensors

from tfseg.convert import torch_files
from tfseg.errors import WeightsError

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed"
)


def test_types_shapes_and_values_of_safetensors(tmp_path):
    path = tmp_path / "a"
    one = np.array([1.0, -2.5, 3.0], np.float32)
    arrays = {
        "w": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "half": one.astype(np.float16),
        "brain": (one.view(np.uint32) >> 16).astype(np.uint16),
        "steps": np.array(7, np.int64),
        "empty": np.zeros((0, 3), np.float32),
    }
    write_safetensors(path, arrays)
    assert torch_files.kind(path) == "safetensors"
    found = torch_files.tensors(path)
    np.testing.assert_array_equal(found["w"], arrays["w"])
    np.testing.assert_array_equal(found["half"], one)
    np.testing.assert_array_equal(found["brain"], one)
    assert found["steps"] == 7 and found["empty"].shape == (0, 3)
    assert found["half"].dtype == found["brain"].dtype == np.float32


def test_files_of_the_library_itself(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    arrays = {"b": np.ones(3, np.float32), "a": np.eye(2, dtype=np.float16)}
    library.save_file(arrays, tmp_path / "a", metadata={"format": "pt"})
    found = torch_files.tensors(tmp_path / "a")
    assert set(found) == {"a", "b"}
    np.testing.assert_array_equal(found["a"], np.eye(2))


def with_header(header, content=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


@pytest.mark.parametrize(
    "content",
    [
        with_header({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 15),
        with_header({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 12]}}, b"\0" * 16),
        with_header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]}}, b"\0" * 16),
        with_header({"a": {"dtype": "Q9", "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 16),
        with_header({"a": {"shape": [4]}}),
        with_header({"a": 3}),
        with_header(b'{"a": [}'),
        with_header(b"{" + b" " * 100)[:60],
    ],
)
def test_broken_safetensors_are_named(tmp_path, content):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    assert torch_files.kind(path) == "safetensors"
    with pytest.raises(WeightsError, match="broken.safetensors: a damaged or truncated"):
        torch_files.tensors(path)


def test_kinds_are_told_by_content(tmp_path):
    for name, content in {
        "empty": b"",
        "text": b"hello hello hello",
        "zip": b"PK\x03\x04 and nothing",
        "h5": b"\x89HDF\r\n\x1a\n" + b"\0" * 30,
    }.items():
        (tmp_path / name).write_bytes(content)
        assert torch_files.kind(tmp_path / name) is None
    assert torch_files.kind(tmp_path / "nowhere") is None
    with zipfile.ZipFile(tmp_path / "keras", "w") as archive:
        archive.writestr("config.json", "{}")
    assert torch_files.kind(tmp_path / "keras") is None
    with zipfile.ZipFile(tmp_path / "torch", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    assert torch_files.kind(tmp_path / "torch") == "torch"
    # PyTorch's first format begins with a pickled number.
    (tmp_path / "old").write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2))
    assert torch_files.kind(tmp_path / "old") == "torch"


def test_without_pytorch_both_ways_out_are_named(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="pip install torch.*safetensors.torch.save_file"):
        torch_files.tensors(tmp_path / "a.pth")


@needs_torch
@pytest.mark.parametrize("zipped", [True, False])
def test_state_dicts_of_pytorch(tmp_path, zipped):
    import torch

    tensors = {"conv.weight": torch.arange(6.0).reshape(2, 3), "half": torch.ones(2).bfloat16()}
    plain = {**tensors, "steps": torch.tensor(3)}
    nested = {"model": {f"module.{k}": v for k, v in plain.items()}, "epoch": 3}
    nested["args"] = argparse.Namespace(lr=0.02, data_path="coco")
    for name, content in (("plain.pth", plain), ("nested.pt", nested)):
        path = tmp_path / name
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        assert torch_files.kind(path) == "torch"
        found = torch_files.tensors(path)
        assert set(found) == set(plain)
        np.testing.assert_array_equal(found["conv.weight"], [[0, 1, 2], [3, 4, 5]])
        np.testing.assert_array_equal(found["half"], [1, 1])


class Harm:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return print, ("this must not be printed",)


@needs_torch
@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_not_run(tmp_path, capsys, zipped):
    import torch

    path = tmp_path / "harm.pth"
    torch.save({"a": torch.ones(1), "b": Harm()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match="code would have to be run, which is never done"):
        torch_files.tensors(path)
    assert capsys.readouterr().out == ""


@needs_torch
def test_damaged_files_and_other_contents_of_pytorch(tmp_path):
    import torch

    torch.save([torch.ones(3)], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="expected a state dict, got list"):
        torch_files.tensors(tmp_path / "list.pth")
    torch.save({"a": torch.ones(1000)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    cut = (tmp_path / "old.pth").read_bytes()[:-500]
    (tmp_path / "old.pth").write_bytes(cut)
    with pytest.raises(WeightsError, match="It is damaged"):
        torch_files.tensors(tmp_path / "old.pth")
