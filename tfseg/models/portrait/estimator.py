"""`PortraitSegmenter`: the class a user meets."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import keras
import numpy as np

from tfseg.data.dataset import Cached
from tfseg.engine.estimator import Estimator
from tfseg.engine.inputs import read_one
from tfseg.models.portrait import network
from tfseg.models.portrait.config import PortraitConfig
from tfseg.models.portrait.losses import TEACHER_TERM
from tfseg.models.portrait.targets import Resized, encode
from tfseg.models.portrait.teacher import answers_of, load_teacher
from tfseg.models.portrait.verbs import PortraitVerbs
from tfseg.structures import Sample

if TYPE_CHECKING:
    from tfseg.models.portrait.inspection import Inspection

__all__ = ["PortraitSegmenter"]

_LOG = logging.getLogger(__name__)
_TERMS = {"main_loss": "main", "semantic_loss": "categories", "boundary_loss": "boundary"}


class PortraitSegmenter(PortraitVerbs, Estimator):
    """People cut out of portraits, as one mask or, with boxes, person by person.

    Settings are those of `PortraitConfig`, by name::

        model = PortraitSegmenter(preset="light", image_size=(256, 192))
        model.fit(train, val, run_dir="runs/portrait")
        prediction = model.predict("photo.jpg")[0]
        prediction.label_maps["alpha"]  # uint8 (H, W)
        people = model.predict("photo.jpg", boxes=[[(10, 20, 400, 180), (30, 150, 410, 330)]])[0]

    Source: Zhu, Wang, Aksu, Kamarainen: Portrait instance segmentation for mobile devices (2019).
    """

    config_class = PortraitConfig
    weight_readers = ("tfseg.convert.keras_applications", "tfseg.convert.tflite_mobilenet")
    class_layers = ("layer?_semantic", "layer?_semantic_back", "classifier")
    serving_graph = "tfseg.export.graphs.portrait"
    phone_part = "tfseg.export.graphs.portrait_phone"
    config: PortraitConfig

    @property
    def loss_terms(self) -> Mapping[str, str]:
        """Name of each term of the loss to its title; the teacher's where there is one."""
        return {**_TERMS, TEACHER_TERM: "teacher"} if self.config.teacher else _TERMS

    def _build(self) -> keras.Model:
        return network.build(self.config)

    def _layer_group(self, name: str) -> set[str]:
        return network.layer_group(self.keras_model, name)

    def _encode(self, sample: Sample, seed: int) -> dict[str, np.ndarray]:
        return encode(sample, self._resize())

    def _prepared(self, dataset, augment: Callable | None):
        fit = self._resize()
        crops = getattr(augment, "canvas", None) is not None
        if crops:
            augment = augment.on_canvas(fit.canvas)
        else:
            # Small images are kept; reading and shrinking photographs costs most of the work.
            dataset = Cached(Resized(dataset, fit))

        def prepare(sample: Sample, seed: int) -> dict[str, np.ndarray]:
            move = None if augment is None else functools.partial(augment, seed=seed)
            return encode(sample, fit, move, before=crops)

        return dataset, prepare

    # ------------------------------------------------------------------ verbs

    def fit(self, train, val=None, **options) -> PortraitSegmenter:
        """Trains on a dataset and returns the estimator; see `Estimator.fit`.

        Samples need a class map `label_maps["classes"]`, or masks, of which one is made. A model
        that has no weights yet first gets those of `config.initial_weights`. Where
        `config.teacher` names a model, its answers are learnt from as well.

        Raises:
            ConfigError: If there is no such teacher, or it has other classes; and what
                `Estimator.fit` raises.
        """
        if self.config.norm == "batch" and self.config.train.batch_size == 1:
            _LOG.warning(
                "With train.batch_size=1 the normalisation behind the image pooling sees a single "
                "number and gives 0. Take 2 images or more, or norm='frozen' on trained weights."
            )
        if not self.config.teacher:
            return super().fit(train, val, **options)
        teacher = answers_of(load_teacher(self))
        network = self.keras_model
        network.teacher = teacher
        try:
            return super().fit(train, val, **options)
        finally:
            network.teacher = None

    def with_people(self, boxes=None, detector=None) -> PortraitSegmenter:
        """Returns this model, sharing its weights, as one whose evaluations tell people apart; see
        `PortraitVerbs.with_people`."""
        _ = self.keras_model  # built before it is shared
        return super().with_people(boxes, detector)

    def inspect(self, image, *, score_threshold: float | None = None) -> Inspection:
        """Returns what attention and boundaries do to one image, as arrays and images: the
        paper's figures 3 and 4. A notebook shows them; `inspection.save("folder")` writes them.

        Args:
            image: A path, an array, encoded bytes, an open file, an image of Pillow, or a
                `Sample`.
            score_threshold: Of the prediction.

        Raises:
            ConfigError: For the plain decoder, or a threshold that is no share.
            NotFittedError: If no weights were trained or loaded.
            DataError: If it is not one image, or cannot be read.
        """
        from tfseg.models.portrait.inspection import inspect

        self._check_threshold(score_threshold)
        self._require_weights()
        return inspect(self, read_one(image), score_threshold=score_threshold)
