import sys
from pathlib import Path

import keras
import pytest

# The small system of the engine's tests is exported here.
sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
sys.path.insert(0, str(Path(__file__).parent / "phone"))  # networks.py


def pytest_collection_modifyitems(items):
    if keras.backend.backend() != "tensorflow":
        for item in items:
            if Path(__file__).parent in item.path.parents and "other_backend" not in item.name:
                item.add_marker(pytest.mark.skip(reason="only TensorFlow writes SavedModels"))


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A model that learnt something, and its export."""
    from toy_estimator import Squares, ToyEstimator

    from tfseg.config import Stage, TrainConfig

    train = TrainConfig(batch_size=4, stages=(Stage(3),), learning_rate=0.05, workers=1)
    model = ToyEstimator(classes=["square", "other"], train=train)
    model.fit(Squares(12, ("square", "other")))
    folder = tmp_path_factory.mktemp("saved") / "toy" / "1"
    return model, model.export(folder, license="Apache-2.0", data="drawn squares")
