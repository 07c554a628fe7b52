"""Every notebook of `colab/` runs to its end from a fresh kernel, on the CPU, as it is."""

from __future__ import annotations

import json
import sys

import pytest

from tfseg import files

pytestmark = pytest.mark.slow
LONGEST_CELL = 1800  # seconds, on a machine that is busy with other things


def run(repo_root, folder, name, **parameters):
    """Executes a notebook in a folder of its own and returns what its cells printed."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    import nbformat

    notebook = nbformat.read(repo_root / "colab" / f"{name}.ipynb", as_version=4)
    if parameters:
        place = next(
            number
            for number, cell in enumerate(notebook.cells)
            if "parameters" in cell.metadata.get("tags", ())
        )
        lines = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
        notebook.cells[place].source += f"\n{lines}"
    kernel_of_this_python(folder)
    client = nbclient.NotebookClient(
        notebook, timeout=LONGEST_CELL, kernel_name="here", resources={"metadata": {"path": folder}}
    )
    try:
        client.execute()
    finally:  # for whoever wants to see how far it came
        nbformat.write(notebook, folder / "executed.ipynb")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output.get("text", "") for output in outputs), outputs


def kernel_of_this_python(folder):
    """Makes a kernel "here" that Jupyter finds, of the interpreter that runs the tests."""
    place = folder / "jupyter" / "kernels" / "here"
    place.mkdir(parents=True)
    words = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    record = {"argv": words, "display_name": "here", "language": "python"}
    (place / "kernel.json").write_text(json.dumps(record))


@pytest.fixture
def folder(tmp_path, monkeypatch, repo_root):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    if (repo_root / "tfseg").is_dir():  # else the installed package is what runs
        monkeypatch.setenv("PYTHONPATH", str(repo_root))
    return tmp_path


def pictures(outputs) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_own_clothes_from_the_shipped_model(repo_root, folder):
    text, outputs = run(repo_root, folder, "own_clothes")
    assert "24 images to learn from, 6 to measure on: suit, dress, jeans" in text
    assert "mask AP50" in text and "detection_boxes" in text and pictures(outputs) >= 5
    assert (folder / "clothes.zip").stat().st_size > 1_000_000
    assert (folder / "runs" / "clothes" / "final" / "model.json").is_file()


def test_own_clothes_from_coco(repo_root, folder, generated_coco):
    digest = files.sha256(generated_coco)
    text, _ = run(
        repo_root,
        folder,
        "own_clothes",
        START="coco",
        COCO_FILE=str(generated_coco),
        COCO_SHA256=digest,
    )
    assert "232 layers loaded, 3 skipped, 0 missing, 0 unused" in text
    assert "epoch 2/2 [all]" in text and "mask AP50" in text


def test_portraits_to_the_phone(repo_root, folder):
    pytest.importorskip("ai_edge_litert")
    text, outputs = run(repo_root, folder, "portraits_to_phone")
    assert "int8/model.tflite" in text and "before," in text and pictures(outputs) >= 3
    assert (folder / "phone.zip").is_file()


def test_inside_mask_rcnn(repo_root, folder):
    text, outputs = run(repo_root, folder, "inside_mask_rcnn")
    assert "anchors," in text and "proposals after" in text and pictures(outputs) >= 6
    assert (folder / "inside" / "index.html").is_file()
