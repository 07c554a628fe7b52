"""Steps of training against the same arithmetic in plain NumPy, compiled as `fit` compiles them."""

import keras
import numpy as np
import pytest
from keras import ops
from toy_estimator import Squares, ToyEstimator

from tfseg.config import Stage, TrainConfig
from tfseg.engine import training_stages
from tfseg.engine.optimizers import is_norm_or_bias
from tfseg.errors import ConfigError

pytestmark = pytest.mark.both_backends
BATCHES = [np.random.default_rng(i).normal(0, 1, (4, 4)).astype(np.float32) for i in range(12)]


class Line(keras.Model):
    """Learns the last of four columns from the first three; the gradient is easy by hand."""

    def __init__(self, seed=0):
        super().__init__()
        self.line = keras.layers.Dense(1, name="line", kernel_initializer="glorot_normal")
        self.line.build((None, 3))
        self.line.kernel.assign(np.array([[0.5], [-1.0], [2.0]]))
        self.line.bias.assign(np.array([0.3]))
        self.built = True

    def call(self, inputs, training=None):
        return self.line(inputs["rows"][:, :3])[:, 0]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.square(y_pred - x["rows"][:, 3]))


def gradient(weights, rows):
    kernel, bias = weights
    error = rows[:, :3] @ kernel[:, 0] + bias[0] - rows[:, 3]
    return [2 * rows[:, :3].T @ error[:, None] / len(rows), 2 * np.array([error.mean()])]


def clipped(gradients, config):
    if config.clip_norm is None:
        return gradients
    norms = [np.linalg.norm(g) for g in gradients]
    if config.clip_mode == "global":
        norms = [np.linalg.norm(norms)] * len(norms)
    return [g * min(1, config.clip_norm / n) for g, n in zip(gradients, norms)]


def by_hand(config, rates, factors):
    """Returns the weights after the batches, in float64."""
    weights = [np.array([[0.5], [-1.0], [2.0]]), np.array([0.3])]
    moments = [[np.zeros_like(w), np.zeros_like(w)] for w in weights]
    each = config.accumulate_steps
    for step in range(len(BATCHES) // each):
        parts = [gradient(weights, b.astype(float)) for b in BATCHES[step * each :][:each]]
        gradients = clipped([np.mean(g, axis=0) for g in zip(*parts)], config)
        for i, g in enumerate(gradients):
            rate = rates[step] * factors[i]
            decay = config.weight_decay if config.decay_norms_and_biases or i == 0 else 0
            first, second = moments[i]
            if config.optimizer == "sgd":
                first[:] = config.momentum * first - rate * (g + decay * weights[i])
                weights[i] = weights[i] + first
                continue
            weights[i] = weights[i] * (1 - rate * decay)
            first[:] = 0.9 * first + 0.1 * g
            second[:] = 0.999 * second + 0.001 * g**2
            alpha = rate * np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
            weights[i] = weights[i] - alpha * first / (np.sqrt(second) + 1e-7)
    return weights


@pytest.mark.parametrize(
    "settings, factors",
    [
        (dict(momentum=0.9, weight_decay=0.1), (0.1, 1)),
        (dict(accumulate_steps=3, clip_norm=0.7, clip_mode="global"), (0.5, 2)),
        (dict(optimizer="adamw", weight_decay=0.3, decay_norms_and_biases=False), (1, 1)),
        (
            dict(optimizer="adamw", weight_decay=0.3, accumulate_steps=2, clip_norm=0.5, jit=True),
            (0.1, 1),
        ),
        (dict(optimizer="adam", clip_norm=0.1, clip_mode="global"), (1, 0.2)),
    ],
)
def test_a_training_is_what_numpy_makes_of_it(settings, factors):
    config = TrainConfig(**{"clip_norm": None, **settings})
    steps = len(BATCHES) // config.accumulate_steps
    rates = np.linspace(0.1, 0.02, steps)
    network = Line()
    table = training_stages.Rates(rates, config.accumulate_steps)
    training_stages.compile_stage(network, config, table, factors)
    stream = ({"rows": rows} for rows in BATCHES)
    network.fit(((b,) for b in stream), steps_per_epoch=len(BATCHES), verbose=0, shuffle=False)
    for ours, expected in zip(network.weights, by_hand(config, rates, factors), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours.value), expected, rtol=2e-4, atol=2e-5)


def test_what_counts_as_a_norm_or_a_bias():
    attention = keras.layers.MultiHeadAttention(2, 4, name="attention")
    norm = keras.layers.GroupNormalization(2)
    x = np.zeros((1, 3, 4), np.float32)
    attention(x, x), norm(x)
    spared = [v.path.split("/")[-1] for v in attention.weights if is_norm_or_bias(v)]
    assert spared == ["bias"] * 4 and len(attention.weights) == 8
    assert all(map(is_norm_or_bias, norm.weights))


def values(made):
    return [ops.convert_to_numpy(v.value) for v in made.keras_model.trainable_variables]


def toy(**train):
    """A toy whose outcome does not depend on how its images are batched."""
    start = dict(stages=(Stage(2, "heads"),), workers=0, clip_mode="global", clip_norm=0.5)
    made = ToyEstimator(classes=["square"], train=TrainConfig(**{**start, **train}))
    made.keras_model.drop.rate = 0
    return made


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_accumulated_batches_are_the_big_batch(optimizer):
    rest = dict(
        optimizer=optimizer,
        learning_rate=0.02,
        warmup_steps=3,
        warmup_from=0.5,
        schedule="milestones",
        milestone_steps=(4,),
    )
    big = toy(batch_size=6, **rest).fit(Squares(20))
    small = toy(batch_size=2, accumulate_steps=3, **rest).fit(Squares(20))
    for ours, expected in zip(values(small), values(big), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=2e-5)
    assert [row["learning_rate"] for row in small.history] == pytest.approx(
        [row["learning_rate"] for row in big.history]
    )
    assert small.history[1]["loss"] == pytest.approx(big.history[1]["loss"], rel=1e-3)


def test_a_group_of_layers_learns_at_its_own_rate():
    def changes(**train):
        made = toy(stages=(Stage(1),), momentum=0.0, clip_norm=None, steps_per_epoch=1, **train)
        made.keras_model.norm.trainable = False
        before = values(made)
        made.fit(Squares(4))
        paths = [v.path.split("/")[-2] for v in made.keras_model.trainable_variables]
        return paths, [a - b for a, b in zip(values(made), before)]

    paths, plain = changes()
    _, slower = changes(rate_factors={"all": 0.5, "body": 0.1})
    for path, ours, whole in zip(paths, slower, plain, strict=True):
        factor = 0.1 if path == "body" else 0.5
        np.testing.assert_allclose(ours, factor * whole, rtol=1e-2, atol=1e-7)


def test_momentum_is_kept_where_only_the_rate_changes():
    def trained(*stages):
        return values(toy(stages=stages, learning_rate=0.02, steps_per_epoch=3).fit(Squares(8)))

    one = trained(Stage(2, "heads"))
    for ours, expected in zip(trained(Stage(1, "heads"), Stage(1, "heads")), one):
        np.testing.assert_array_equal(ours, expected)
    apart = trained(Stage(1, "heads"), Stage(1, "all"))
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(apart[-4:], one[-4:]))


def test_a_group_without_layers_is_refused():
    class NoBody(ToyEstimator):
        def _layer_group(self, name):
            return set() if name == "body" else super()._layer_group(name)

    train = TrainConfig(stages=(Stage(1),), rate_factors={"body": 0.1})
    with pytest.raises(ConfigError, match="rate_factors: no layer .* belongs to 'body'"):
        NoBody(classes=["square"], train=train).fit(Squares(4))
