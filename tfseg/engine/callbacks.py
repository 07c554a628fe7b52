"""What happens at the steps and epochs of a training, one class each, in the order of use."""

from __future__ import annotations

import csv
import io
import logging
import math
import time
from typing import TYPE_CHECKING

import keras

from tfseg import files
from tfseg.engine import checkpoint, runtime, training_stages, weights
from tfseg.engine.checkpoint import RunState
from tfseg.errors import ConfigError, TrainingError, WeightsError

if TYPE_CHECKING:
    from tfseg.engine.training import Run

__all__ = ["Best", "FiniteLoss", "Keeper", "Logs", "Validation"]

log = logging.getLogger(__name__)


class FiniteLoss(keras.callbacks.Callback):
    """Stops the training at the first step whose loss is not finite.

    Args:
        job: The `training.Run`.
    """

    def __init__(self, job: Run):
        super().__init__()
        self.job, self._epoch = job, 0

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Raises TrainingError naming the terms, the step and the images."""
        bad = {name: value for name, value in (logs or {}).items() if not math.isfinite(value)}
        if not bad:
            return
        terms = {name: value for name, value in bad.items() if name != "loss"} or bad
        step = self._epoch * self.job.steps + batch
        found = ", ".join(f"{name} is {value}" for name, value in terms.items())
        images = ", ".join(map(repr, self.job.loader.image_ids(step)))
        kept = "Nothing was saved yet."
        if self.job.folder is not None and self.job.state.epoch:
            kept = f"The checkpoint of epoch {self.job.state.epoch} in {self.job.folder} is whole."
        raise TrainingError(
            f"epoch {self._epoch + 1}, step {batch + 1}: {found}. Images of this step: "
            f"{images}. {kept} Look for bad annotations with `tfseg doctor`, or lower "
            f"train.learning_rate ({self.job.config.learning_rate})."
        )


class Validation(keras.callbacks.Callback):
    """Adds the validation losses (`val_...`) and the measures to the logs of an epoch.

    It comes first, so that everything behind it sees them.

    Args:
        job: The `training.Run`.
    """

    def __init__(self, job: Run):
        super().__init__()
        self.job, self._begin = job, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self._begin = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Measures."""
        job = self.job
        if job.val is not None:
            batches = training_stages.Batches(job.val_loader)
            try:
                losses = self.model.evaluate(
                    batches, steps=job.val_steps, return_dict=True, verbose=0
                )
            finally:
                batches.close()
            logs.update({f"val_{name}": float(value) for name, value in losses.items()})
            every = job.config.evaluate_every
            if every and ((epoch + 1) % every == 0 or epoch + 1 == job.epochs):
                job.estimator.fitted = True
                report = job.estimator.evaluate(job.val, limit=job.config.evaluate_limit)
                logs.update({name: float(value) for name, value in report.items()})
        # That of the network's last step in this epoch.
        logs["learning_rate"] = job.rates.at((epoch + 1) * job.steps - 1 - job.rates_from)
        logs["seconds"] = round(time.monotonic() - self._begin, 2)


class Best(keras.callbacks.Callback):
    """Keeps the weights of the best epoch, and stops when there is no better one for long.

    With a run folder they are a saved model in `best/`, otherwise copies in memory.

    Args:
        job: The `training.Run`.
    """

    def __init__(self, job: Run):
        super().__init__()
        self.job, self._copies = job, None
        name = job.config.monitor
        if not name.endswith("loss") and job.config.evaluate_every == 0:
            log.info("train.evaluate_every is 0: the best epoch is chosen by val_loss")
            name = "val_loss"
        if job.val_is_empty and name.startswith(("segm/", "bbox/")):
            name = "val_loss"
        self.name, self.sign = name, -1 if name.endswith("loss") else 1

    def on_epoch_end(self, epoch, logs=None):
        """Compares, keeps, stops."""
        job, state = self.job, self.job.state
        if job.val is None:
            return
        if self.name not in logs:
            self._check_name(epoch, logs)
            return
        if math.isnan(logs[self.name]) and not self._was_measured():
            log.warning(
                "%s cannot be measured on the validation data: the best epoch is chosen by "
                "val_loss",
                self.name,
            )
            self.name, self.sign = "val_loss", -1
        value = logs[self.name]
        ahead = self.sign * (value - (value if state.best is None else state.best))
        # Between equals the later epoch learnt more: measures often stay at 0 for a while.
        if ahead >= 0:
            self._keep(epoch + 1, logs)
        if ahead > 0 or (state.best is None and math.isfinite(value)):
            state.best, state.best_epoch = value, epoch + 1
        patience = job.config.early_stopping_patience
        if patience is not None and epoch + 1 - state.best_epoch >= patience:
            log.info("no better %s for %d epochs: stopping", self.name, patience)
            state.stopped = True
            self.model.stop_training = True

    def _was_measured(self) -> bool:
        """Whether any epoch so far has a number for what is monitored; losses always have."""
        if self.name.endswith("loss"):
            return True
        values = (row.get(self.name) for row in self.job.state.history)
        return any(value is not None and value == value for value in values)

    def _check_name(self, epoch: int, logs):
        """Raises ConfigError unless it is a measure, and this epoch was not measured."""
        every = self.job.config.evaluate_every
        measured = not every or (epoch + 1) % every == 0 or epoch + 1 == self.job.epochs
        if measured or self.name.endswith("loss"):
            plain = {"loss", *(name.removeprefix("val_") for name in logs if name[:4] == "val_")}
            known = [n for n in logs if n not in plain | {"learning_rate", "seconds"}]
            raise ConfigError(
                f"train.monitor: there is no {self.name!r}. Measured: {', '.join(known)}."
            )

    def _keep(self, epoch: int, logs):
        job, estimator = self.job, self.job.estimator
        if job.folder is None:
            self._copies = [keras.ops.convert_to_numpy(v.value) for v in self.model.weights]
            return
        checkpoint.save_model(
            self.model,
            job.best_folder,
            system=estimator.system,
            config=estimator.config.to_dict(),
            class_names=estimator.class_names,
            metrics={"epoch": epoch, **{k: v for k, v in logs.items() if math.isfinite(v)}},
        )

    def put_into_network(self, network: keras.Model) -> None:
        """Gives the network the best epoch's weights, if one was kept."""
        if self._copies is not None:
            for variable, value in zip(network.weights, self._copies):
                variable.assign(value)
        elif self.job.folder is not None and self.job.state.best_epoch:
            folder = files.recovered(self.job.best_folder, error=WeightsError)
            weights.load(network, folder / checkpoint.WEIGHTS_FILE)


class Keeper(keras.callbacks.Callback):
    """Writes the whole state of the training at the end of each epoch.

    It comes after all others, so that what they decided is part of it.

    Args:
        job: The `training.Run`.
    """

    def __init__(self, job: Run):
        super().__init__()
        self.job = job

    def on_epoch_end(self, epoch, logs=None):
        """Adds the epoch to the history and saves."""
        job, state = self.job, self.job.state
        state.epoch = epoch + 1
        state.history.append({"epoch": epoch + 1, **logs})
        if job.folder is None:
            return
        groups = {"network": self.model.variables, "optimizer": self.model.optimizer.variables}
        checkpoint.write_state(job.checkpoint_path, state, groups)


class Logs(keras.callbacks.Callback):
    """Writes the numbers of all epochs: `log.csv`, and scalars for TensorBoard.

    It comes after the checkpoint: an epoch that will be repeated is not logged twice.

    Args:
        job: The `training.Run`.
    """

    def __init__(self, job: Run):
        super().__init__()
        self.job, self._write = job, None

    def begin(self):
        """Brings the file in line with the state, and opens the TensorBoard folder."""
        if self.job.folder is not None:
            self._csv(self.job.state)
            self._write = runtime.scalar_writer(self.job.folder / "tensorboard")

    def on_epoch_end(self, epoch, logs=None):
        """Writes."""
        if self.job.folder is None:
            return
        self._csv(self.job.state)
        if self._write is not None:
            self._write(epoch + 1, {name: v for name, v in logs.items() if math.isfinite(v)})

    def _csv(self, state: RunState):
        if not state.history:
            return
        columns = list(dict.fromkeys(name for row in state.history for name in row))
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, columns, lineterminator="\n")
        table.writeheader()
        for row in state.history:
            table.writerow({k: "" if v is None or v != v else v for k, v in row.items()})
        path = self.job.folder / "log.csv"
        files.write_whole(path, text.getvalue().encode(), error=WeightsError)
