"""What analyses of a model that another cell trained share: the model, its data, its scores.

Ranks share the scoring of pictures, which also keeps them together; what looks into layers needs
all pictures, so each rank does that for itself.

Legend: n pictures, k classes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainables.analyses.analysis_config import AnalysisConfig, metric_name
from trainables.analyses.analysis_file import write_analysis
from trainables.analyses.layers import Layer, analysed_layers
from trainables.context import Context
from trainables.data.card import Split
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split
from trainables.engine.batches import image_batches
from trainables.engine.classifier_files import load_classifier, set_to_initial
from trainables.engine.classifier_spec import ClassifierSpec
from trainables.engine.evaluation import predict_logits
from trainables.engine.final_test import write_predictions
from trainables.engine.placement import place
from trainables.engine.supervised import mean_loss_of_batches
from trainables.errors import ConfigError, did_you_mean
from trainables.metrics.classification import classification_metrics
from trainables.models.heads import Classifier

MODEL = "model"
"""Name of the input that every analysis has."""

OTHER = "other"
"""Name of the input that is compared with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """One input: a classifier in evaluation mode on the trial's device, and where it lies."""

    input: str
    folder: Path
    model: Classifier
    spec: ClassifierSpec


def load_trained(context: Context, name: str = MODEL) -> Trained:
    """Load the classifier of an input.

    Raises:
        ConfigError: the trial has no such input.
        WeightsError: its folder holds no classifier.
    """
    if name not in context.inputs:
        raise ConfigError(
            f"trial {context.trial_id} has no input '{name}': give its recipe "
            f"needs={{'{name}': CellRef.of(...)}} of a cell that trains a classifier"
        )
    folder = context.inputs[name]
    model, spec = load_classifier(folder, context.locations)
    place(model, context.device)
    return Trained(input=name, folder=folder, model=model, spec=spec)


def layers_of(trained: Trained) -> tuple[Layer, ...]:
    """Return the layers of a model in network order, the head last.

    Raises:
        ConfigError: its head has several layers.
        SelectionError: nobody has said what the layers of its family are.
    """
    if trained.spec.head.name != "linear":
        raise ConfigError(
            f"the model of input '{trained.input}' in {trained.folder} has head "
            f"'{trained.spec.head.name}': analyses by layer know linear heads only"
        )
    return analysed_layers(trained.model.backbone)


def initial_of(trained: Trained) -> Classifier:
    """Return a copy of the model in the state it was trained from.

    Raises:
        WeightsError: the input has no initial state, or one that does not fit.
    """
    initial = copy.deepcopy(trained.model)
    set_to_initial(initial, trained.folder)
    return initial


class TrainedTask:
    """A trained model on the data it was trained for: one trial's work.

    Raises:
        ConfigError: the trial has no input ``model``.
        WeightsError: that is no classifier.
    """

    def __init__(self, config: AnalysisConfig, context: Context) -> None:
        self.config, self.context = config, context
        self.trained = load_trained(context)
        self.model, self.transform = self.trained.model, self.trained.spec.transform
        self.metric = metric_name(config)

    def open(self, split: Split) -> ImageSet:
        """Open a split.

        Raises:
            ConfigError: the model tells other classes apart than the data set has.
        """
        images = open_split(self.config.data, split, self.context)
        check_classes(self.trained, images)
        return images

    def logits(self, images: ImageSet) -> Tensor:
        """Return logits_nk of the model as it is now, on the CPU."""
        logits_nk, _ = predict_logits(
            self.model, images, self.transform, self.config.batch_size, "fp32", self.context
        )
        return logits_nk

    def batches(self, images: ImageSet, seen_by: Trained | None = None) -> Iterator[Tensor]:
        """Yield all pictures in order as normalised x_nchw on the device.

        Args:
            seen_by: the model they are normalised for, if it is another one.
        """
        spec = (seen_by or self.trained).spec
        index_batches = torch.split(torch.arange(len(images)), self.config.batch_size)
        for batch in image_batches(
            images, spec.transform, index_batches, self.context.device, self.context.loader_workers
        ):
            yield batch.x_nchw

    def metrics(self, logits_nk: Tensor, images: ImageSet) -> dict[str, float]:
        """Return all metrics and the loss, without a prefix."""
        values = classification_metrics(logits_nk.numpy(), images.labels, images.task)
        labels, size = torch.from_numpy(images.labels), self.config.batch_size
        return {**values, "loss": mean_loss_of_batches(logits_nk, labels, images.task, size)}

    def report(self) -> None:
        """Report, once, the validation metrics of the trained model: those it was chosen by.

        Raises:
            ConfigError: the selection metric is none of them.
        """
        if self.context.resume() is not None:
            return
        started = time.perf_counter()
        val = self.open("val")
        values = self.metrics(self.logits(val), val)
        # The loss belongs to the head, which neighbours do without, and falls as others rise.
        known = values.keys() - {"loss"}
        if self.metric not in known:
            raise ConfigError(
                f"selection_metric: there is no 'val/{self.metric}' of data set "
                f"'{self.config.data.name}'.{did_you_mean(self.metric, known)}"
            )
        metrics = {f"val/{name}": value for name, value in values.items()}
        metrics["perf/val_s"] = time.perf_counter() - started
        self.context.report(step=1, metrics=metrics, state=dict)

    def headline(
        self, images: ImageSet, logits_nk: Tensor, values: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """Return ``test/...`` and write ``predictions.parquet``.

        Args:
            images: of the test split.
            values: the metrics, where they are not those of the logits.
        """
        if values is None:
            values = classification_metrics(logits_nk.numpy(), images.labels, images.task)
        if self.context.is_main:
            write_predictions(self.context.artifacts, [(images, logits_nk)])
        return {f"test/{name}": value for name, value in values.items()}

    def write(
        self, content: Mapping[str, Any], numbers: Mapping[str, float], why: str
    ) -> dict[str, float]:
        """Write ``<trainable>.json`` and return the numbers that are defined.

        Args:
            why: what it means when a number is not.
        """
        return write_analysis(self.context, self.config.trainable, content, numbers, why)


def check_classes(trained: Trained, images: ImageSet) -> None:
    """Make sure that a model and some pictures are about the same classes.

    Raises:
        ConfigError: they are not.
    """
    spec = trained.spec
    if (spec.classes, spec.task) != (images.classes, images.task):
        raise ConfigError(
            f"the model of input '{trained.input}' in {trained.folder} tells "
            f"{list(spec.classes)} apart ({spec.task}), data set '{images.name}' has "
            f"{list(images.classes)} ({images.task}): analyse a model on the data it was trained on"
        )
