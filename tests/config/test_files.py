import dataclasses

import pytest

from tfseg.config import Config, Stage, TrainConfig, dump_config, load_config, setting
from tfseg.config.files import build
from tfseg.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class ModelConfig(Config):
    classes: tuple[str, ...] = ()
    backbone: str = "resnet101"
    width: int = setting(8, at_least=1)
    train: TrainConfig = TrainConfig()


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


BASE = """system: mask_rcnn
description: base
expected: {segm/AP: 0.3}
model:
  backbone: resnet50
train:
  learning_rate: 1e-3
  stages:
    - {epochs: 40, layers: heads}
    - {epochs: 20}
"""


def test_a_file_states_only_what_differs(write):
    write("base.yaml", BASE)
    path = write("final.yaml", "extends: base.yaml\nmodel: {width: 4}\ntrain: {batch_size: 2}\n")
    loaded = load_config(path)
    assert loaded["model"] == {"backbone": "resnet50", "width": 4}
    assert loaded["train"]["learning_rate"] == 0.001 and loaded["train"]["batch_size"] == 2
    assert loaded["system"] == "mask_rcnn" and loaded["data"] == {} and "extends" not in loaded
    config = build(ModelConfig, loaded, classes=["a"])
    assert config.width == 4 and config.train.stages == (Stage(40, "heads"), Stage(20))


def test_overrides_are_read_as_yaml(write):
    path = write("a.yaml", BASE)
    loaded = load_config(
        path,
        [
            "model.backbone=resnet101",
            "train.learning_rate=2e-4",
            "train.stages.0.epochs=3",
            "model.classes=[suit, dress]",
            "data.path=x/y",
            "train.clip_norm=null",
            "description=a = b",
        ],
    )
    config = build(ModelConfig, loaded)
    assert config.backbone == "resnet101" and config.train.learning_rate == 0.0002
    assert config.classes == ("suit", "dress") and config.train.clip_norm is None
    assert config.train.stages[0] == Stage(3, "heads") and loaded["data"] == {"path": "x/y"}
    assert loaded["description"] == "a = b"


@pytest.mark.parametrize(
    "text, words",
    [
        ("modle: {}\n", ["a.yaml, line 1", "'modle'", "Did you mean 'model'"]),
        (
            "system: x\ntrain:\n  batch_sise: 2\n",
            ["a.yaml, line 3", "train.batch_sise", "Did you mean 'batch_size'"],
        ),
        (
            "train:\n  batch_size: 2\n  stages:\n    - epochs: 2\n    - epochs: 0\n",
            ["a.yaml, line 5", "train.stages[1].epochs", "at least 1"],
        ),
        ("train:\n  schedule: lr_d\n", ["a.yaml, line 2", "train.schedule", "lr_const"]),
        ("train: 3\n", ["a.yaml, line 1", "train", "settings by name"]),
        ("train: {batch_size: 1, batch_size: 2}\n", ["line 1", "'batch_size' is given twice"]),
        ("model: {a: [}\n", ["a.yaml", "not valid YAML"]),
        ("", ["a.yaml", "an empty file"]),
        ("- 1\n", ["a.yaml", "sections by name"]),
        ("extends: [a, b]\n", ["line 1", "extends", "one file"]),
        ("extends: nowhere.yaml\n", ["nowhere.yaml", "extended by a.yaml", "no such file"]),
        ("extends: a.yaml\n", ["circle", "a.yaml -> a.yaml"]),
        ("model: {x: !!python/object:os.system {}}\n", ["a.yaml", "not valid YAML"]),
    ],
)
def test_errors_name_file_line_and_the_nearest_name(write, text, words):
    path = write("a.yaml", text)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    for word in words:
        assert word in str(error.value)


def test_errors_in_the_model_section_point_to_the_file_that_wrote_them(write):
    write("base.yaml", "model:\n  backbone: resnet50\n  widht: 3\n")
    loaded = load_config(write("b.yaml", "extends: base.yaml\n"))
    with pytest.raises(ConfigError, match=r"base\.yaml, line 3: model\.widht.*'width'"):
        build(ModelConfig, loaded)


@pytest.mark.parametrize(
    "override, words",
    [
        ("model.backbone", ["expected name=value"]),
        ("modle.backbone=x", ["no section 'modle'", "'model'"]),
        ("train.batch_sise=2", ["--set train.batch_sise=2", "'batch_size'"]),
        ("train.batch_size=two", ["--set", "train.batch_size", "an integer", "'two'"]),
        ("train.stages.9.epochs=2", ["position from 0 to 1", "'9'"]),
        ("train.batch_size.x=2", ["--set", "'batch_size'", "nothing inside"]),
        ("train=3", ["inside the section"]),
        ("model.x=[", ["not valid YAML"]),
        ("extends=b.yaml", ["no section 'extends'"]),
    ],
)
def test_wrong_overrides(write, override, words):
    path = write("a.yaml", BASE + "  batch_size: 1\n")
    with pytest.raises(ConfigError) as error:
        load_config(path, [override])
    for word in words:
        assert word in str(error.value)


def test_a_missing_file_suggests_its_neighbour(write):
    path = write("final.yaml", BASE)
    with pytest.raises(ConfigError, match=r"fnal\.yaml: there is no such file.*'final\.yaml'"):
        load_config(path.parent / "fnal.yaml")
    with pytest.raises(ConfigError, match="no such file"):
        load_config(path.parent / "no_folder" / "x.yaml")


def test_what_is_dumped_loads_again(tmp_path):
    config = ModelConfig(classes=("suit",), train=TrainConfig(learning_rate=1e-5))
    plain = config.to_dict()
    content = {"system": "mask_rcnn", "train": plain.pop("train"), "model": plain}
    text = dump_config(content, tmp_path / "c.yaml")
    assert (tmp_path / "c.yaml").read_text(encoding="utf-8") == text
    assert build(ModelConfig, load_config(tmp_path / "c.yaml")) == config
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]
    assert "learning_rate: 1.0e-05" in dump_config(config)
