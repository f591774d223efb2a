"""Test what other cells trained: one network on all cases, or one for each class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.context import Context
from trainables.data.cards import get_data_card
from trainables.engine.placement import place
from trainables.errors import ConfigError
from trainables.segmentation.case_texts import choice_of
from trainables.segmentation.model_files import load_segmenter, read_description
from trainables.segmentation.testing import Tested, conclude, score_test

if TYPE_CHECKING:
    from trainables.segment_transfer import Config

TRAINED = "trained"
"""Name of the one input that answers for every class."""


def report_and_test(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.segment_transfer.run` promises."""
    inputs = _by_class(config, context)
    if context.resume() is None:
        chosen = [read_description(folder).chosen for folder in inputs.values()]
        metrics = {"val/dice": sum(chosen) / len(chosen)}
        context.report(step=1, metrics=metrics, state=dict)
    if not context.final:
        return {}
    parts = [_tested(config, folder, name, context) for name, folder in inputs.items()]
    return conclude(parts, context)


def _by_class(config: Config, context: Context) -> Mapping[str, Path]:
    """Return the folder of each class's network, or the one of all under an empty name."""
    if TRAINED in context.inputs:
        return {"": context.inputs[TRAINED]}
    classes = get_data_card(config.data.name).classes
    missing = [name for name in classes if name not in context.inputs]
    if missing:
        raise ConfigError(
            f"trial {context.trial_id} has neither an input '{TRAINED}' nor one of class "
            f"'{missing[0]}': give its recipe needs={{'{TRAINED}': CellRef.of(...)}} of a cell "
            "that trains a segmenter, or one for each class of the data"
        )
    return {name: context.inputs[name] for name in classes}


def _tested(config: Config, folder: Path, of_class: str, context: Context) -> Tested:
    network, description = load_segmenter(folder, context.locations)
    place(network, context.device)
    # A trial scores with its own draws of prompts, not with those of the training.
    choice = choice_of(
        config.prompt or description.prompt,
        network.segmenter.card.reads_text,
        config.data.name,
        context.seed,
    )
    classes = (of_class,) if of_class else ()
    return score_test(network, description.spec, choice, config, context, classes)
