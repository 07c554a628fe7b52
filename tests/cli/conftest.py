"""A model and datasets that answer at once, so that the verbs themselves are tested."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import tfseg.data.doctor.doctor  # noqa: F401, first met under `pretend` it would keep the pretended reader
from tfseg import config, models
from tfseg.config.train import TrainConfig
from tfseg.engine.predict_verbs import PredictVerbs
from tfseg.errors import DataError, WeightsError
from tfseg.structures import LoadReport, Prediction, Report, Sample


@dataclasses.dataclass(frozen=True)
class PretendConfig(config.Config):
    """Settings of the pretended system."""

    classes: tuple[str, ...] = ()
    image_size: int = 64
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)


class PretendModel(PredictVerbs):
    """Answers like an estimator and remembers what it was asked."""

    config_class = PretendConfig
    asked: list = []

    def __init__(self, settings):
        self.config, self.class_names = settings, settings.classes

    @classmethod
    def load(cls, directory):
        return cls(PretendConfig(classes=("suit", "dress")))

    def fit(self, train, val=None, **options):
        self.asked.append(("fit", train, val, options, self.config))
        folder = options["run_dir"]
        (folder / "best").mkdir(parents=True)
        (folder / "report").mkdir()
        (folder / "report" / "index.html").write_text("<html>")
        return self

    def load_weights(self, path, skip_mismatch=False):
        self.asked.append(("load_weights", path, skip_mismatch))
        return LoadReport(loaded=("conv1",), source=str(path))

    def _require_weights(self):
        pass

    def _predict_inputs(self, item):
        return {}, item

    def _run_rows(self, rows, batch_size):
        return [{}] * len(rows)

    def _decode(self, outputs, item, *, score_threshold, image_id, path):
        height, width = item.image.shape[:2]
        masks = np.zeros((2, height, width), bool)
        masks[:, 1:4, 2:5] = True
        found = Prediction.from_masks(
            masks,
            boxes=[[1, 2, 4, 5]] * 2,
            class_ids=[1, 2],
            scores=[0.9, 0.6],
            class_names=self.class_names,
            path=path,
        )
        return found[found.scores >= (score_threshold or 0)]

    def evaluate(self, dataset, *, limit=None, progress=None, **more):
        self.asked.append(("evaluate", dataset, limit, more))
        return Report({"segm/AP": 0.5, "segm/AP50": float("nan")})

    def export(self, directory, **options):
        self.asked.append(("export", directory, options))
        return directory


class PretendData:
    """Two images of a suit and a dress."""

    class_names = ("suit", "dress")

    def __init__(self, split):
        self.split = split

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return Sample(np.zeros((8, 8, 3), np.uint8), image_id=index)


@pytest.fixture
def pretend(monkeypatch, tmp_path):
    """Puts the pretended model and data in place; returns what they were asked."""
    opened = []

    def open_dataset(path, *, split, **options):
        opened.append((str(path), split, options))
        if split == "missing":
            raise DataError(f"{path}: there is no split 'missing'. Splits: train, val.")
        return PretendData(split)

    def load(directory):
        if not (tmp_path / directory).is_dir():
            raise WeightsError(f"{directory} is not a saved model.")
        return PretendModel.load(directory)

    monkeypatch.setattr(models, "system", lambda name: PretendModel)
    monkeypatch.setattr(models, "load", load)
    monkeypatch.setattr("tfseg.data.opening.sources.open_dataset", open_dataset)
    monkeypatch.setattr(PretendModel, "asked", [])
    monkeypatch.setattr("tfseg.cli.quiet.silence", lambda debug=False: None)
    monkeypatch.setattr("tfseg.cli.quiet.import_backend", lambda: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    return dataclasses.make_dataclass("Asked", ["model", "opened"])(PretendModel.asked, opened)


@pytest.fixture
def photos(tmp_path):
    """A folder with two images, one that is broken, and a text."""
    from tfseg.visualize import save_png

    folder = tmp_path / "photos"
    for name, size in (("a.png", (20, 30)), ("b.png", (16, 12))):
        save_png(folder / name, np.full((*size, 3), 90, np.uint8))
    (folder / "c.jpg").write_bytes(b"not an image")
    (folder / "notes.txt").write_text(json.dumps({}))
    return folder
