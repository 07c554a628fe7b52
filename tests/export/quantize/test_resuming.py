"""A training for int8 goes on with the same model, data and plan, and names what differs."""

import types

import numpy as np
import pytest

from tfseg.errors import ExportError
from tfseg.export.quantize import training
from tfseg.export.quantize.pipeline import training_facts
from tfseg.models.portrait.config import PortraitConfig
from tfseg.structures import Sample


class Variable:
    """What a resume asks of a variable."""

    def __init__(self, value):
        self.value, self.shape = np.asarray(value, np.float32), np.shape(value)

    def numpy(self):
        return self.value

    def assign(self, value):
        self.value = value


class Pictures:
    def __init__(self, count, shade=0, class_names=("person",)):
        self.count, self.shade, self.class_names = count, shade, class_names

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        image = np.full((4, 4, 3), self.shade + index, np.uint8)
        return Sample(image, index, class_ids=[1], masks=np.ones((1, 4, 4)))


def facts(data=None, weight=0.5, shape=(32, 32), batches=2, **settings):
    config = PortraitConfig(**settings)
    network = types.SimpleNamespace(weights=[Variable([weight])])
    model = types.SimpleNamespace(config=config, keras_model=network)
    return training_facts(model, data or Pictures(7), shape, batches)


@pytest.mark.parametrize(
    ("now", "named"),
    [
        ({"weight": 0.25}, "other the model's weights"),
        ({"preset": "paper"}, "other the model's settings"),
        ({"data": Pictures(8)}, r"other images \(7, now 8\)"),
        ({"data": Pictures(7, shade=1)}, "other what the images show"),
        ({"data": Pictures(7, class_names=("cat",))}, "other classes"),
        ({"shape": (32, 64)}, "other image size"),
        ({"batches": 3}, r"other calibration batches \(2, now 3\)"),
        ({"train": {"batch_size": 3}}, r"other batch size \(8, now 3\)"),
        ({"train": {"seed": 9}}, "other seed"),
    ],
)
def test_what_differs_is_named(tmp_path, now, named):
    path, variables = tmp_path / "a.training.npz", [Variable([1, 2]), Variable([3])]
    training._keep(path, variables, facts(), [{"loss": 0.5}])
    again = [Variable([0, 0]), Variable([0])]
    assert training._restored(path, again, facts()) == [{"loss": 0.5}]
    assert [list(v.value) for v in again] == [[1, 2], [3]]
    with pytest.raises(ExportError, match=f"was begun with {named}.*Remove the file"):
        training._restored(path, again, facts(**now))


def test_a_damaged_state_is_refused(tmp_path):
    path = tmp_path / "a.training.npz"
    training._keep(path, [Variable([1, 2])], facts(), [])
    with pytest.raises(ExportError, match="another network"):
        training._restored(path, [Variable([1, 2, 3])], facts())
    content = path.read_bytes()
    for damaged in (b"", content[:-200], content[:50] + b"x" + content[51:]):
        path.write_bytes(damaged)
        with pytest.raises(ExportError, match="Remove the file to begin anew"):
            training._restored(path, [Variable([1, 2])], facts())
    assert training._restored(tmp_path / "none", [], {}) == []
