"""Training from the first stage to the final model, resumable after any interruption."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import numbers
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras

from tfseg import files
from tfseg.config import TrainConfig, dump_config
from tfseg.data.augment.choice import Augmentation, choose
from tfseg.engine import checkpoint, norm_statistics, opening, preflight, runtime, training_stages
from tfseg.engine.callbacks import Best, FiniteLoss, Keeper, Logs, Validation
from tfseg.engine.checkpoint import RunState
from tfseg.engine.inputs import align_classes
from tfseg.engine.progress import Progress
from tfseg.engine.resume import take_up
from tfseg.errors import ConfigError, TFSegError

if TYPE_CHECKING:
    from tfseg.data.dataset import Dataset
    from tfseg.data.loader import Loader
    from tfseg.engine.estimator import Estimator

__all__ = ["Run", "run"]

log = logging.getLogger(__name__)

LOCK_FILE = ".training.lock"


@dataclasses.dataclass
class Run:
    """Everything that the parts of one training share.

    Attributes:
        estimator: The model in training.
        loader: Training batches.
        val: Validation data with the model's class ids, or None.
        val_loader: Validation batches, or None.
        steps: Batches of an epoch, `config.accumulate_steps` for each change of the weights.
        val_steps: Validation batches.
        epochs: Epochs in all.
        folder: The run folder, or None.
        state: Where the training stands.
        stage: The layer group that learns.
        rates: Learning rate of each batch with these layers.
        rates_from: The batch of the run that the first of them belongs to.
        augmentation: How training images are changed.
        train: Training data with the model's class ids.
        val_is_empty: Whether no validation image has an object.
    """

    estimator: Estimator
    loader: Loader
    val: Dataset | None
    val_loader: Loader | None
    steps: int
    val_steps: int
    epochs: int
    folder: Path | None
    state: RunState
    stage: str = ""
    rates: training_stages.Rates | None = None
    rates_from: int = 0
    augmentation: Augmentation | None = None
    train: Dataset | None = None
    val_is_empty: bool = False

    @property
    def config(self) -> TrainConfig:
        """The training settings."""
        return self.estimator.config.train

    @property
    def checkpoint_path(self) -> Path | None:
        """The file that a resume reads."""
        return None if self.folder is None else checkpoint.run_checkpoint(self.folder)

    @property
    def best_folder(self) -> Path | None:
        """The saved model of the best epoch."""
        return None if self.folder is None else self.folder / "best"


def run(
    estimator: Estimator,
    train: Dataset,
    val: Dataset | None = None,
    *,
    epochs: int | None = None,
    run_dir: str | os.PathLike | None = None,
    resume: bool = False,
    augmentation=None,
    callbacks: keras.callbacks.Callback | Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Trains an estimator; see `Estimator.fit`."""
    runtime.require_training()
    runtime.require_process()
    callbacks = preflight.callback_list(callbacks)
    job = _prepare(estimator, train, val, epochs, run_dir, resume, augmentation)
    preflight.check_choice_of_best(job)
    with _alone(job):
        _run(job, resume, callbacks)


@contextlib.contextmanager
def _alone(job: Run) -> Iterator[None]:
    """Inside, no other training gets into the run folder."""
    if job.folder is None:
        yield
        return
    _check_writable(job)
    with files.locked(job.folder / LOCK_FILE, "a training", error=ConfigError):
        yield


def _run(job: Run, resume: bool, callbacks) -> None:
    estimator, network = job.estimator, job.estimator.keras_model
    resumed = _open_folder(job, resume)
    if not resumed:
        estimator._load_start()
        estimator._load_initial()
        norm_statistics.before_training(network, job.loader, job.config.norm_images)
    job.val_is_empty = opening.say(job)
    freezer, best, logs = training_stages.Freezer(network), Best(job), Logs(job)
    arrays = take_up(job, network) if resumed else None
    logs.begin()
    chain = [FiniteLoss(job), Validation(job), Progress(job), best, *callbacks, Keeper(job), logs]
    try:
        joined = job.state.facts["joined"]
        for segment in training_stages.segments(
            job.config, job.state.epoch + 1, job.epochs, joined=joined
        ):
            if job.state.stopped:
                break
            _begin(job, network, freezer, segment, arrays)
            arrays = None
            _fit(job, network, segment, chain)
            if network.stop_training:
                break
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_interrupted(job)) from None
    finally:
        freezer.restore()
        estimator.history = list(job.state.history)
    _finish(job, network, best)


def _begin(job: Run, network, freezer, segment: training_stages.Segment, arrays):
    """Freezes, compiles, and takes up the optimizer where a resumed run left it."""
    freezer.only(job.estimator._layer_group(segment.layers), segment.layers)
    job.stage, job.rates_from = segment.layers, (segment.first - 1) * job.steps
    updates = job.steps // job.config.accumulate_steps
    job.rates = training_stages.Rates.of(job.config, segment, updates, job.epochs)
    factors = training_stages.rate_factors(job.estimator)
    training_stages.compile_stage(network, job.config, job.rates, factors)
    # What begins at this epoch has a fresh optimizer, as it has without a break.
    if arrays is not None and segment.begin > segment.first:
        where = str(job.checkpoint_path)
        checkpoint.restore(network.optimizer.variables, arrays["optimizer"], where)


def _prepare(estimator: Estimator, train, val, epochs, run_dir, resume, augmentation) -> Run:
    config = estimator.config.train
    if epochs is not None and (not isinstance(epochs, numbers.Integral) or epochs < 1):
        raise ConfigError(f"epochs: expected an integer from 1, got {epochs!r}.")
    if resume and run_dir is None:
        raise ConfigError("resume=True needs the run_dir of the run that is to be continued.")
    train = align_classes(train, estimator.class_names, "training dataset")
    chosen = _augmentation(estimator, train, augmentation)
    loader = estimator._loader(train, training=True, augment=chosen)
    val_loader = None
    if val is not None:
        val = align_classes(val, estimator.class_names, "validation dataset")
        val_loader = estimator._loader(val, training=False)
    together = config.accumulate_steps
    steps = together * (config.steps_per_epoch or math.ceil(loader.steps_per_pass / together))
    facts = {
        "system": estimator.system,
        "config": estimator.config.to_dict(),
        "pictures": len(train),
        "steps": steps,
        "backend": keras.backend.backend(),
        "epochs": int(epochs or config.epochs),
        "augmentation": chosen.text,
        "joined": True,
    }
    whole = 0 if val_loader is None else val_loader.steps_per_pass
    return Run(
        estimator,
        loader,
        val,
        val_loader,
        steps,
        min(config.validation_steps or whole, whole),
        int(epochs or config.epochs),
        None if run_dir is None else Path(run_dir),
        RunState(facts=facts),
        augmentation=chosen,
        train=train,
    )


def _augmentation(estimator: Estimator, dataset: Dataset, given) -> Augmentation:
    """Returns the augmentation of a training; one that was handed over is tried out first, as
    the network will see it, before anything is built."""
    if given is None:
        return choose(estimator.config.train.augmentation)
    chosen = choose(given)
    # Which keypoints are left and right is not every system's concern.
    sample = dataset[0].replace(keypoints=None)
    chosen.check(estimator._resize().plan(sample.size).sample(sample))
    return chosen


def _check_writable(job: Run) -> None:
    """Makes the run folder and checks that it can be written."""
    folder = job.folder
    try:
        job.checkpoint_path.parent.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        # A full disk takes the name of a file and refuses its content.
        probe.write_bytes(b"\0" * 65536)
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ConfigError(
            f"run_dir: cannot write to {folder} ({error.strerror or error}). Choose another "
            "folder, or free some space."
        ) from error
    size = sum(4 * math.prod(v.shape) for v in job.estimator.keras_model.weights)
    # Two checkpoints while one replaces the other (weights and slots), best and final model.
    slots = (2 if job.config.optimizer == "sgd" else 3) + (job.config.accumulate_steps > 1)
    needed = size * (2 * slots + 3)
    if free < needed:
        raise ConfigError(
            f"run_dir: {folder} has {free / 1e6:.0f} MB free and the checkpoints of this network "
            f"need about {needed / 1e6:.0f} MB. Free some space, or choose another folder."
        )


def _open_folder(job: Run, resume: bool) -> bool:
    """Returns whether there is a run to resume; writes the settings of one that begins."""
    folder = job.folder
    if folder is None:
        return False
    exists = job.checkpoint_path.is_file()
    if exists and not resume:
        raise ConfigError(
            f"{folder}: holds a training already. Pass resume=True to continue it, or choose "
            "another folder."
        )
    if not exists:
        config = job.estimator.config.to_dict()
        train = config.pop("train", {})
        content = {"system": job.estimator.system, "model": config, "train": train}
        used = job.augmentation
        if used.name is not None:
            train["augmentation"] = used.name
        else:
            content["description"] = (
                "Trained with an augmentation that fit() was given and that a file cannot hold, in "
                f"place of train.augmentation: {used.text}"
            )
        dump_config(content, folder / "config.yaml")
    return exists


def _fit(job: Run, network: keras.Model, segment: training_stages.Segment, chain: list):
    batches = training_stages.Batches(job.loader, (segment.begin - 1) * job.steps)
    try:
        network.fit(
            batches,
            steps_per_epoch=job.steps,
            initial_epoch=segment.begin - 1,
            epochs=segment.end,
            callbacks=chain,
            verbose=0,
            shuffle=False,
        )
    except Exception as error:
        own = _unwrapped(error)
        if own is error:
            raise
        raise own from error
    finally:
        batches.close()


def _unwrapped(error: Exception) -> Exception:
    """Returns our own error where TensorFlow has wrapped it on its way out of the data stream."""
    text = str(error)
    for kind in _all_kinds(TFSegError):
        head = f"{kind.__name__}: "
        if not isinstance(error, TFSegError) and head in text:
            line = text.split(head, 1)[1].split("\nTraceback", 1)[0].split("\n\n", 1)[0]
            return kind(line.strip())
    return error


def _all_kinds(kind: type) -> list[type]:
    return [kind, *(inner for child in kind.__subclasses__() for inner in _all_kinds(child))]


def _interrupted(job: Run) -> str:
    done = job.state.epoch
    if job.folder is None:
        return f"stopped after epoch {done}; without a run_dir nothing was saved"
    if not job.checkpoint_path.is_file():
        return f"stopped before the first epoch was done; {job.folder} has no checkpoint yet"
    return (
        f"stopped; epoch {done} is saved in {job.folder}. Continue with resume=True (tfseg "
        "train ... --resume) and the same run folder"
    )


def _finish(job: Run, network: keras.Model, best: Best) -> None:
    """Keeps the best weights, and writes the final model and the report."""
    best.put_into_network(network)
    job.estimator.fitted = True
    if job.folder is None:
        return
    job.estimator.save(job.folder / "final")
    if job.val is None:
        return
    from tfseg.engine import reporting

    reporting.write(
        job.estimator,
        job.val,
        job.folder / "report",
        history=job.state.history,
        limit=job.config.evaluate_limit,
    )
