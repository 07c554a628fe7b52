"""The base class a user meets: settings in, verbs out; a `keras.Model` inside."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from tfseg.config import Config
from tfseg.engine import params, runtime
from tfseg.engine.file_verbs import FileVerbs
from tfseg.engine.inputs import Item
from tfseg.engine.predict_verbs import PredictVerbs
from tfseg.errors import ConfigError
from tfseg.structures import Prediction, Sample
from tfseg.structures.measures import Measure

if TYPE_CHECKING:
    from tfseg.data.dataset import Dataset
    from tfseg.data.loader import Loader

__all__ = ["Estimator"]


class Estimator(PredictVerbs, FileVerbs):
    """What all systems have in common. A system fills in the hooks that start with an underscore.

    Settings are checked when the object is made; the network is built when it is first needed.

    Args:
        config: Settings as one object or mapping, or None.
        settings: Single settings; they outrank those of `config`.

    Attributes:
        system: Name of the system in files and on the command line.
        config_class: Its settings; the field `train` holds a `TrainConfig`.
        layer_groups: The groups of layers that `train.stages` and `train.rate_factors` can name,
            and which layers they are; those of `config_class`.
        score_metric: The measure that `score` returns.
        loss_terms: Name of each term of the loss in the logs to its title in tables and curves.
        measures: What its evaluator measures, those that people look at first among them.
        weight_readers: Modules with `recognises(path) -> bool` and `load(model, path,
            skip_mismatch) -> LoadReport` for weight files of other programs.
        class_layers: Patterns of the names of those layers that have something for each class.
        serving_graph: Module with `serving(estimator, **options)`, which an exported model is made
            by, see `tfseg.export.endpoints`; without it the model cannot be exported.
        phone_part: Module with `part(estimator, image_size)`, which files for phones are made of,
            see `tfseg.export.phone.part`.
        no_phone_part: Why there is none, for the message.
        cuts_out: Whether predictions have the label map "alpha", the foreground's opacity.
        fitted: Whether there are weights to predict with: trained, loaded, or set by hand.
        random_layers: Layers that the weight files so far had nothing for; while there are some
            and `fitted` is False, only training makes sense.
        history: One dict of losses and measures for each epoch of the last `fit`.

    Raises:
        ConfigError: For an unknown setting (with the nearest name) or a value out of its limits.
    """

    system: str = ""
    config_class: type[Config] = Config
    layer_groups: Mapping[str, str] = {}
    score_metric: str = "segm/AP"
    loss_terms: Mapping[str, str] = {}
    measures: tuple[Measure, ...] = ()
    weight_readers: tuple[str, ...] = ()
    class_layers: tuple[str, ...] = ()
    serving_graph: str = ""
    phone_part: str = ""
    no_phone_part: str = "The system names no part of it that phones run."
    cuts_out: bool = False

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        cls.layer_groups = getattr(cls.config_class, "layer_groups", {})
        # For editors and `help`: the settings by name, in place of `**settings`.
        cls.__signature__ = params.signature(cls, Estimator)

    def __init__(self, config: Config | Mapping | None = None, /, **settings):
        if isinstance(config, Config) and not isinstance(config, self.config_class):
            raise ConfigError(
                f"{type(self).__name__} expects {self.config_class.__name__}, got "
                f"{type(config).__name__}."
            )
        if isinstance(config, Mapping):
            config = self.config_class.from_dict({**config, **settings})
        elif config is None:
            config = self.config_class.from_dict(settings)
        elif settings:
            config = config.replace(**settings)
        self._config = config
        self._network: keras.Model | None = None
        self._infer: Callable | None = None
        self._lock = threading.RLock()
        self.fitted = False
        self.random_layers: tuple[str, ...] = ()
        self.history: list[dict] = []

    def _build(self) -> keras.Model:
        """Returns a new built network of `self.config`; Keras' random seed is set around it."""
        raise NotImplementedError

    def _load_initial(self) -> None:
        """Gives a network that is about to begin its training the weights that the settings name
        for its start, if nobody gave it any: Keras Applications' for its backbone where
        `initial_weights` is "imagenet"."""
        wanted = getattr(self.config, "initial_weights", None)
        # A file that gave some layers their weights is not to be overwritten.
        if wanted == "imagenet" and not self.fitted and not self.random_layers:
            from tfseg.engine.published_weights import load_imagenet

            config = self.config
            load_imagenet(self.keras_model.backbone, config.backbone, width=config.backbone_width)

    def _encode(self, sample: Sample, seed: int) -> dict[str, np.ndarray]:
        """Returns one sample as the training network's inputs, without the batch axis."""
        raise NotImplementedError

    def _predict_inputs(self, item: Item) -> tuple[dict[str, np.ndarray], Any]:
        """Returns the inference inputs of an item, whose image has the model's channels and whose
        `extras` those of `predict_extras` that were given, without the batch axis, and what
        `_decode` needs to lead back to its pixels: the plan."""
        raise NotImplementedError

    def _decode(
        self,
        outputs: dict[str, np.ndarray],
        plan: Any,
        *,
        score_threshold: float | None,
        image_id: int | str,
        path: str | None,
    ) -> Prediction:
        """Returns the prediction from one image's outputs, without the batch axis."""
        raise NotImplementedError

    def _resize(self):
        """Returns how images are fitted into the network's square, a `SquareResize`; an
        exported model does the same in its own graph."""
        from tfseg.geometry.resize import SquareResize

        return SquareResize(self.config.resolved_min_size, self.config.image_size)

    def _layer_group(self, name: str) -> set[str]:
        """Returns the names of the layers of a group that the settings' `layer_groups` declares."""
        raise NotImplementedError

    def _evaluator(self):
        """Returns a fresh object with `update(sample, prediction)` and `compute(details)`."""
        from tfseg.metrics import InstanceEvaluator

        return InstanceEvaluator(self.class_names)

    def _evaluation_threshold(self) -> float | None:
        """Returns the lowest score that evaluation looks at; None: the model's own."""
        return None

    def _loader(
        self, dataset: Dataset, *, training: bool, augment: Callable | None = None
    ) -> Loader:
        """Returns the loader of training or validation batches.

        Args:
            dataset: Samples with this model's class ids.
            training: Whether images are shuffled and changed at random.
            augment: `(sample, seed) -> Sample` for training; None: the settings' own.
        """
        from tfseg.data.augment import choose
        from tfseg.data.loader import Loader

        train = self.config.train
        if training and augment is None:
            augment = choose(train.augmentation)
        dataset, prepare = self._prepared(dataset, augment)
        return Loader(
            dataset,
            prepare,
            batch_size=train.batch_size,
            shuffle=training,
            seed=train.seed,
            workers=train.workers,
        )

    def _prepared(self, dataset: Dataset, augment: Callable | None) -> tuple[Dataset, Callable]:
        """Returns the dataset that is read in training, and `(sample, seed) -> dict` that changes
        a sample at random, if `augment` is given, and encodes it."""

        def prepare(sample: Sample, seed: int) -> dict[str, np.ndarray]:
            moved = sample if augment is None else augment(sample, seed)
            return self._encode(moved, seed)

        return dataset, prepare

    # ------------------------------------------------------------------ settings and network

    @property
    def config(self) -> Config:
        """The settings; `set_params` changes them."""
        return self._config

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of class id k at position k - 1; the background is not listed."""
        return self._config.classes

    @property
    def keras_model(self) -> keras.Model:
        """The network, built at the first access. After setting weights in it by other means
        than this class's verbs, set `model.fitted = True`."""
        runtime.require_process()
        with self._lock:
            if self._network is None:
                with runtime.seeded(self._config.train.seed):
                    self._network = self._build()
            return self._network

    def summary(self, **options) -> None:
        """Shows the layers of the network; options are those of `keras.Model.summary`."""
        self.keras_model.summary(**options)

    def get_params(self, deep: bool = True) -> dict:
        """Returns the settings by name; with `deep`, those of `train` as `train__...` too."""
        return params.get_params(self._config, deep)

    def set_params(self, **changes) -> Estimator:
        """Changes settings, `train__batch_size=4` inside `train`, and returns the estimator.

        A network that exists keeps its weights; settings that would need others are refused.
        """
        config = params.with_params(self._config, changes)
        with self._lock:
            if self._network is not None and not params.same_network(self._config, config):
                before, self._config = (self._config, self._network), config
                try:
                    with runtime.seeded(config.train.seed):
                        self._network = params.moved_weights(before[1], self._build())
                except BaseException:
                    self._config, self._network = before
                    raise
                self._infer = None
            self._config = config
        return self

    def __repr__(self) -> str:
        return self._config.shown(type(self).__name__)

    # ------------------------------------------------------------------ training

    def calibrate_norms(
        self, dataset, *, images: int = 256, every: bool = False
    ) -> tuple[str, ...]:
        """Gives batch normalisations the true mean and variance of their inputs, with gamma and
        beta changed so that inference stays the same, and returns the paths of those layers.

        Normalisations from a file that has them folded into convolutions (`.tflite`) have no
        statistics of their own; without them, training with the statistics of batches destroys
        what the file knows. `fit` does this by itself, see `TrainConfig.norm_images`.

        Args:
            dataset: What they are measured on, as a training would see it: shuffled, augmented.
            images: How many of it, rounded up to whole batches.
            every: All normalisations that inference reaches, not only the folded ones.
        """
        from tfseg.engine import norm_statistics

        return norm_statistics.calibrate(self, dataset, images, every)

    def fit(
        self,
        train: Dataset,
        val: Dataset | None = None,
        *,
        epochs: int | None = None,
        run_dir: str | os.PathLike | None = None,
        resume: bool = False,
        augmentation=None,
        callbacks: keras.callbacks.Callback | Sequence[keras.callbacks.Callback] = (),
    ) -> Estimator:
        """Trains on a dataset and returns the estimator.

        Args:
            train: A dataset. Its classes are matched with the model's by name.
            val: Another one, for validation losses and measures, or None.
            epochs: Epochs in all; None takes those of `config.train.stages`. More of them
                prolong the last stage.
            run_dir: Folder for settings, logs, checkpoints, report and final model; None
                writes nothing.
            resume: Continue the run in `run_dir` from its last finished epoch, to the numbers
                of an uninterrupted run. Where nothing was saved yet, begin.
            augmentation: Random changes of the training images: any augmenter of imgaug, such
                as `imgaug.augmenters.Fliplr(0.5)`, a list of them, the name of a set, or a
                function `(sample, seed) -> Sample`. Masks always move with the image, and equal
                `config.train.seed` gives equal images. None: `config.train.augmentation`.
            callbacks: Further Keras callbacks, or one. Those that set the learning rate are
                refused: `config.train.schedule` says how it changes.

        With `val`, the weights of the best epoch by `config.train.monitor` remain.

        Raises:
            ConfigError: For a folder that cannot be written, a resume with other settings or
                another augmentation, an augmentation that cannot be applied, or a callback that
                sets the learning rate.
            DataError: Naming the image.
            TrainingError: For a loss that is not finite, naming terms and images.
        """
        from tfseg.engine import training

        training.run(
            self,
            train,
            val,
            epochs=epochs,
            run_dir=run_dir,
            resume=resume,
            augmentation=augmentation,
            callbacks=callbacks,
        )
        return self
