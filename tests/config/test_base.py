import copy
import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pytest

from tfseg.config import Config, Stage, TrainConfig, check_class_names, setting
from tfseg.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Inner(Config):
    depth: int = setting(1, at_least=1)


@dataclasses.dataclass(frozen=True)
class Outer(Config):
    names: tuple[str, ...] = ()
    sizes: tuple[int, int] = (8, 8)
    rate: float = setting(0.5, above=0, at_most=1)
    kind: Literal["small", "large"] = "small"
    side: int = setting(64, multiple_of=64)
    limit: int | None = setting(None, at_least=1)
    either: int | str = 1
    flag: bool = False
    inner: Inner = Inner()
    parts: tuple[Inner, ...] = ()
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def _check(self):
        if self.flag and self.limit is None:
            self._fail("limit", "must be given with flag=True.")


@pytest.mark.parametrize(
    "values, words",
    [
        ({"rate": 0}, ["rate", "more than 0", "at most 1", "0.0"]),
        ({"rate": "fast"}, ["rate", "a number", "'fast' (str)"]),
        ({"rate": float("nan")}, ["rate", "finite"]),
        ({"rate": True}, ["rate", "a number", "True (bool)"]),
        ({"kind": "smal"}, ["kind", "'small', 'large'", "Did you mean 'small'"]),
        ({"side": 100}, ["side", "multiple of 64", "100"]),
        ({"limit": 0}, ["limit", "at least 1"]),
        ({"limit": 2.5}, ["limit", "an integer or None", "2.5"]),
        ({"sizes": (1, 2, 3)}, ["sizes", "list of 2", "3 values"]),
        ({"sizes": (1, "x")}, ["sizes[1]", "an integer", "'x'"]),
        ({"names": "suit"}, ["names", "list of texts", "'suit' (str)"]),
        ({"names": ["suit", 3]}, ["names[1]", "a text", "3 (int)"]),
        ({"flag": 1}, ["flag", "true or false", "1 (int)"]),
        ({"flag": True}, ["limit", "must be given"]),
        ({"either": 1.5}, ["either", "an integer or a text"]),
        ({"inner": {"depth": 0}}, ["inner.depth", "at least 1"]),
        ({"inner": {"dept": 2}}, ["inner.dept", "Did you mean 'depth'"]),
        ({"inner": 3}, ["inner", "settings of Inner", "3 (int)"]),
        ({"parts": [{"depth": 1}, {"depth": -1}]}, ["parts[1].depth", "-1"]),
        ({"weights": {"a": "b"}}, ["weights['a']", "a number"]),
        ({"rat": 0.1}, ["rat", "no such setting", "Did you mean 'rate'"]),
        ({"zzz": 0.1}, ["zzz", "Known:", "names"]),
    ],
)
def test_wrong_values_name_setting_expected_and_got(values, words):
    with pytest.raises(ConfigError) as error:
        Outer.from_dict(values)
    assert str(error.value).startswith("Outer: ")
    for word in words:
        assert word in str(error.value)


def test_missing_and_foreign_mappings():
    with pytest.raises(ConfigError, match="Stage: epochs: this setting must be given"):
        Stage.from_dict({})
    with pytest.raises(ConfigError, match=r"expected settings by name, got \[1\] \(list\)"):
        Outer.from_dict([1])


def test_values_are_brought_into_form():
    config = Outer(
        names=["a"],
        rate=1,
        sizes=np.array([3, 4]),
        limit=np.int64(7),
        inner={"depth": 2},
        parts=[{"depth": 3}],
        weights={"a": 1},
        flag=np.True_,
    )
    assert config.names == ("a",) and config.sizes == (3, 4) and config.flag is True
    assert type(config.rate) is float and type(config.limit) is int
    assert config.inner == Inner(2) and config.parts == (Inner(3),)
    assert config.weights == {"a": 1.0} and type(config.weights["a"]) is float


def test_right_values_are_kept_as_the_same_objects():
    given = dict(
        names=tuple(["long name", "b"]),
        inner=Inner(3),
        parts=(Inner(2),),
        weights={"a": 0.5},
        rate=float("0.125"),
        sizes=tuple([1000, 2000]),
    )
    config = Outer(**given)
    for name, value in given.items():
        assert getattr(config, name) is value
    again = Outer(**{name: copy.deepcopy(getattr(config, name)) for name in Outer.setting_names()})
    assert again == config


def test_round_trip_replace_and_digest():
    config = Outer(names=("a", "b"), parts=(Inner(2), Inner(3)))
    plain = config.to_dict()
    assert plain["parts"] == [{"depth": 2}, {"depth": 3}] and plain["names"] == ["a", "b"]
    assert Outer.from_dict(plain) == config
    changed = config.replace(rate=0.25)
    assert changed.rate == 0.25 and config.rate == 0.5
    assert changed.digest() != config.digest() == Outer.from_dict(plain).digest()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.rate = 1.0
    with pytest.raises(ConfigError, match="rate"):
        config.replace(rate=2)


@pytest.mark.parametrize(
    "names, word",
    [
        ((), "at least one"),
        (("a", "a", "b"), "twice: a"),
        (("a", " "), "blank"),
        (("Background", "a"), "leave it out"),
    ],
)
def test_class_names(names, word):
    with pytest.raises(ConfigError, match=word):
        check_class_names(names, "Model")
    check_class_names(("suit", "dress"), "Model")


def test_defaults_of_training_are_valid_and_typed():
    config = TrainConfig(stages=[{"epochs": 3, "layers": "heads"}, {"epochs": 2}])
    assert config.stages == (Stage(3, "heads"), Stage(2, "all")) and config.epochs == 5
    assert [config.stage_at(epoch).layers for epoch in (1, 3, 4, 5, 9)] == [
        "heads",
        "heads",
        "all",
        "all",
        "all",
    ]


def test_defaults_are_plain_and_leave_out_what_must_be_given():
    assert Outer.defaults() == Outer().to_dict()
    assert Outer.defaults()["inner"] == {"depth": 1} and Outer.defaults()["weights"] == {}
    assert set(Stage.setting_names()) - set(Stage.defaults()) == {"epochs"}
