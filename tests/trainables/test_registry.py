"""Trainables are found by name, without importing torch, and their configs refuse nonsense."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from trainables.classify import Config as Classify
from trainables.config import BackboneRef, DataRef
from trainables.errors import ConfigError, SelectionError
from trainables.knn import Config as Knn
from trainables.probe import Config as Probe
from trainables.registry import TRAINABLES, config_from, load_trainable

BASE: dict[str, Any] = {
    "backbone": BackboneRef(card="resnet50_twin"),
    "data": DataRef(name="fundus", domains=("camera_0",)),
}


def test_loading_every_trainable_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from trainables.registry import TRAINABLES, load_trainable\n"
        "for name in TRAINABLES: load_trainable(name)\n"
        "heavy = {'torch', 'torchvision', 'timm', 'transformers', 'numpy', 'pandas', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_agree_with_the_configs() -> None:
    for name in TRAINABLES:
        config = load_trainable(name).Config
        assert config.trainable == name
        assert config.version >= 1


def test_unknown_name_lists_the_near_ones() -> None:
    with pytest.raises(SelectionError, match="classify"):
        load_trainable("clasify")


def test_unknown_key_lists_the_near_ones() -> None:
    with pytest.raises(ConfigError, match="epochs"):
        config_from("classify", {**BASE, "epoch": 3})


@pytest.mark.parametrize(
    ("config", "values", "message"),
    [
        (Classify, {"epochs": 0}, "epochs"),
        (Classify, {"batch_size": 1}, "batch_size"),
        (Classify, {"image_size_px": 0}, "image_size_px"),
        (Classify, {"precision": "fp8"}, "precision"),
        (Classify, {"normalisation": "none"}, "normalisation"),
        (Classify, {"selection_metric": "test/auc"}, "selection_metric"),
        (Probe, {"inverse_l2": 0.0}, "inverse_l2"),
        (Probe, {"max_iter": 0}, "max_iter"),
        (Knn, {"k": 0}, "k must"),
        (Knn, {"temperature": 0.0}, "temperature"),
    ],
)
def test_configs_refuse_nonsense(config: Any, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**BASE, **values)


@pytest.mark.parametrize("config", [Classify, Probe, Knn])
def test_shift_domains_must_be_unseen_and_named_once(config: Any) -> None:
    config(**BASE, shift_domains=("camera_1",))
    with pytest.raises(ConfigError, match="camera_0"):
        config(**BASE, shift_domains=("camera_0",))
    with pytest.raises(ConfigError, match="twice"):
        config(**BASE, shift_domains=("camera_1", "camera_1"))
    with pytest.raises(ConfigError, match="all its domains"):
        config(**{**BASE, "data": DataRef(name="fundus")}, shift_domains=("camera_1",))
