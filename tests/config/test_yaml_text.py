"""Experiment files that are damaged, made to hurt, or written in another way than meant."""

import random
import shutil
import time

import pytest

from tfseg.config import files, yaml_text
from tfseg.config.files import build, load_config
from tfseg.errors import ConfigError, TFSegError
from tfseg.models.portrait.config import PortraitConfig

LOLS = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))
CHAIN = "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 300))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"description: &a0 x\n{LOLS}", "line 1[0-9]?: by its aliases"),
        (f"description: &a0 x\n{CHAIN}", "line [0-9]*: by its aliases"),
        ("data: &d {<<: *d}", "line 1: the value that begins here contains itself"),
        (
            "data:\n  parts: &p\n  - {more: *p}",
            "line 2: the value that begins here .*itself",
        ),
        ("data: " + "[" * 2000, "line 1: nested more than 30 deep"),
        ("data:\n" + "".join(" " * n + "- \n" for n in range(40)), "not valid YAML|nested"),
        ("data: {{a: 1}: 2}", "line 1: expected a name, got a list or settings"),
        ("train: {}\n? [a]\n: 2", "line 2: expected a name"),
        ("train: {}\n~: 2", "line 2: there is no section '~'"),
        ("train: {}\n7: 2", "line 2: there is no section '7'"),
        ("train: {}\nsystem: {mask_rcnn: 1}", "line 2: system: expected a name, got .*dict"),
        ("system: null", "line 1: system: expected a name, got None"),
        ('extends: "a\\0b"', r"a\\0b \(extended by .*there is no such file"),
        (f"extends: {'a' * 5000}", "there is no such file"),
        ("extends: [a, b]", "line 1: extends: expected the name of one file"),
        ("train: {seed: 2001-99-99}", r"no value of its kind \(month.*\n.*line 1"),
        ("train: {seed: !!bool maybe}", "no value of its kind"),
        ("train: {seed: !!timestamp x}", "no value of its kind"),
        (f"train: {{seed: {'9' * 5000}}}", "no value of its kind"),
        (f"train: {{learning_rate: 0x{'f' * 500}}}", "learning_rate: expected a finite number"),
        (f"train: {{batch_size: 0x{'f' * 5000}}}", "batch_size: expected an integer of at most"),
        ("train: {learning_rate: .inf}", "line 1: train.learning_rate: expected a finite"),
        ("train: {batch_size: -4}", "line 1: train.batch_size: expected at least 1"),
        ("train: {workers: 100000}", "line 1: train.workers: .*at most 1024"),
        ("train: {steps_per_epoch: 2000000}", r"train\.stages: with steps_per_epoch"),
        ("train: !!set {seed}", "expected settings by name, got .*set"),
        ("train: !!binary aGVsbG8=", "expected settings by name, got .*bytes"),
        ("x" * 300_000, "300000 characters; expected at most"),
        ("- train", "expected sections by name .* got .*list"),
        ("\0", "not valid YAML"),
        ("train: {1: 2, null: 3}", "there is no such setting"),
    ],
)
def test_each_is_refused_in_one_sentence(tmp_path, text, words):
    file = tmp_path / "my.yaml"
    file.write_text(text, encoding="utf-8")
    began = time.process_time()
    with pytest.raises(ConfigError, match=words) as refused:
        load_config(file)
    assert "my.yaml" in str(refused.value) and time.process_time() - began < 5
    if ":" in text and not text.startswith("extends"):
        value = text.partition(":")[2]
        with pytest.raises(ConfigError):
            loaded = load_config_of(tmp_path, "data: {length: 3}")
            files.override(loaded, [f"train.seed={value}"])
            build(PortraitConfig, loaded)


def load_config_of(folder, text):
    (folder / "good.yaml").write_text(text)
    return load_config(folder / "good.yaml")


def test_aliases_that_are_meant_are_followed_and_not_shared():
    text = "a: &s {epochs: 3}\nb: [*s, *s]\nc: {<<: *s, layers: all}"
    value, places = yaml_text.parse(text, "f")
    assert value["c"] == {"epochs": 3, "layers": "all"} and places["b.1.epochs"] == "f, line 1"
    value["b"][0]["epochs"] = 5
    assert value["a"] == value["b"][1] == {"epochs": 3}
    assert yaml_text.parse("", "f") == (None, {})


def test_a_train_section_in_part_keeps_the_systems_own_defaults(tmp_path):
    default = PortraitConfig().train
    loaded = load_config_of(tmp_path, "train: {seed: 1}")
    files.override(loaded, ["train.workers=3"])
    for config, changed in (
        (PortraitConfig(train={"seed": 1}), {"seed": 1}),
        (PortraitConfig.from_dict({"train": {"seed": 1}}), {"seed": 1}),
        (PortraitConfig().replace(train={}), {}),
        (build(PortraitConfig, loaded), {"seed": 1, "workers": 3}),
    ):
        assert config.train == default.replace(**changed) and config.train.monitor == "miou"
    whole = PortraitConfig(train={"seed": 1, "monitor": "val_loss", "batch_size": 1})
    assert PortraitConfig.from_dict(whole.to_dict()) == whole
    assert PortraitConfig(affinity={"bins": 8}).affinity.bins == 8
    with pytest.raises(ConfigError, match="PortraitConfig: train.sede: there is no such setting"):
        PortraitConfig(train={"sede": 1})


def test_damaged_experiment_files_end_in_our_errors(tmp_path, repo_root):
    """A seeded search: bytes of real files changed, lines moved, pieces of trouble put in."""
    rng = random.Random(0)
    shutil.copytree(repo_root / "configs" / "portrait", tmp_path / "all")
    sources = [p.read_bytes() for p in sorted((tmp_path / "all").glob("*.yaml"))]
    trouble = [b"[", b"{", b"&a ", b"*a", b": ", b"- ", b"!!set ", b"?", b"<<: *a", b".inf", b"-1"]
    trouble += [b"null", b"\0", b"\xff", b"\t", b"|", b"9" * 400, b"[[[[", b"1e999", b"~", b"'"]
    file, read = tmp_path / "all" / "my.yaml", 0
    for _ in range(150):
        text = bytearray(rng.choice(sources))
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(text))
            if rng.random() < 0.5:
                text[place] = rng.randrange(256)
            else:
                end = place + rng.choice([0, 0, 5])
                text[place:end] = rng.choice(trouble)
        file.write_bytes(text)
        try:
            build(PortraitConfig, load_config(file, ["train.workers=0"]))
            read += 1
        except TFSegError:
            pass
    assert read
