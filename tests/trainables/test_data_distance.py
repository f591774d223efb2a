"""The distance of a data set is the FID of the backbone's features, computed once per set."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from search_spaces.study import Objective, Recipe
from trainables import data_distance
from trainables.config import BackboneRef, DataRef, references, replace_refs
from trainables.context import Context, Locations
from trainables.data.open import load_split
from trainables.engine.inputs import eval_transform
from trainables.errors import ConfigError, DatasetError
from trainables.features import feature_seed
from trainables.models.factory import create_backbone

RANDOM = BackboneRef(card="resnet50_twin")
SIZE_PX = 40
DATA = DataRef(name="fundus", domains=("camera_0",), limit=20)
CONFIG = data_distance.Config(
    backbone=RANDOM,
    data=DATA,
    reference=DataRef(name="fundus", domains=("camera_1",), limit=20),
    image_size_px=SIZE_PX,
)


def run(
    config: data_distance.Config, folder: Path, locations: Locations, final: bool = True
) -> tuple[dict[str, float], dict[str, float]]:
    """Return what the trial reports and what it returns."""
    reports: list[Any] = []
    context = Context.local(folder, locations, final=final)
    context.send = lambda step, metrics: reports.append((step, metrics))
    returned = data_distance.run(config, context)
    ((step, reported),) = reports
    assert step == 1
    return reported, returned


def feats(
    ref: DataRef, splits: tuple[str, ...], locations: Locations, final: bool = True
) -> np.ndarray:
    context = Context.local(Path("none"), locations, final=final)
    model = create_backbone(RANDOM, locations, feature_seed(RANDOM, context), SIZE_PX).eval()
    transform = eval_transform(RANDOM, ref, SIZE_PX).build()
    parts = []
    for split in splits:
        images = load_split(ref, split, locations)  # type: ignore[arg-type]
        with torch.no_grad():
            parts.append(model(transform(images.images(range(len(images))))))
    return torch.cat(parts).double().numpy()


def fid(a_nd: np.ndarray, b_nd: np.ndarray) -> float:
    """The formula of the paper; the trace of a root is the sum of the roots of the eigenvalues."""
    cov_a, cov_b = np.cov(a_nd.T), np.cov(b_nd.T)
    shift = ((a_nd.mean(axis=0) - b_nd.mean(axis=0)) ** 2).sum()
    roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real.clip(min=0))
    return float(shift + np.trace(cov_a + cov_b) - 2 * roots.sum())


def test_replicate_measures_all_pictures_of_both_sets(
    tmp_path: Path, shared_locations: Locations
) -> None:
    reported, returned = run(CONFIG, tmp_path / "trial", shared_locations)
    every = ("train", "val", "test")
    reference_nd = feats(CONFIG.reference, every, shared_locations)
    val_nd, all_nd = (feats(DATA, s, shared_locations) for s in (("val",), every))
    assert returned["fid"] == pytest.approx(fid(all_nd, reference_nd), rel=1e-3)
    assert reported == {"val/fid": pytest.approx(fid(val_nd, reference_nd), rel=1e-3)}
    assert (returned["n"], returned["n_reference"]) == (60, 60)


def test_search_trial_measures_without_the_test_split_of_either_set(
    tmp_path: Path, shared_locations: Locations
) -> None:
    reported, returned = run(CONFIG, tmp_path / "trial", shared_locations, final=False)
    reference_nd = feats(CONFIG.reference, ("train", "val"), shared_locations, final=False)
    expected = fid(feats(DATA, ("val",), shared_locations, final=False), reference_nd)
    assert reported["val/fid"] == pytest.approx(expected, rel=1e-3)
    assert returned == {}


def test_set_is_nearest_to_itself(tmp_path: Path, shared_locations: Locations) -> None:
    same = dataclasses.replace(CONFIG, reference=DATA)
    _, to_itself = run(same, tmp_path / "same", shared_locations)
    _, to_other = run(CONFIG, tmp_path / "other", shared_locations)
    assert 0 <= to_itself["fid"] < 1e-4 * to_other["fid"]


def test_reference_is_seen_once_for_all_data_sets(
    tmp_path: Path, shared_locations: Locations
) -> None:
    store = Context.local(tmp_path, shared_locations).store
    reference, builds = dataclasses.replace(CONFIG.reference, limit=7), []
    for camera in ("camera_0", "camera_1"):
        data = DataRef(name="fundus", domains=(camera,), limit=6)
        before = len(store.builds("features"))
        config = dataclasses.replace(CONFIG, data=data, reference=reference)
        run(config, tmp_path / camera, shared_locations)
        builds.append(len(store.builds("features")) - before)
    assert builds == [6, 3]


def test_one_picture_has_no_spread(tmp_path: Path, shared_locations: Locations) -> None:
    alone = dataclasses.replace(CONFIG, data=dataclasses.replace(DATA, limit=1))
    with pytest.raises(DatasetError, match="at least two pictures, got 1"):
        run(alone, tmp_path / "trial", shared_locations)


def test_size_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="image_size_px must be >= 1, got 0"):
        dataclasses.replace(CONFIG, image_size_px=0)


def test_study_selects_the_smaller_distance() -> None:
    objective = Objective(metric="val/fid", mode="min")
    recipe = Recipe(config=CONFIG, objective=objective, metric="fid")
    assert recipe.objective.mode == "min"


def test_planner_sees_both_sets_and_can_swap_them_for_twins() -> None:
    data, backbones = references(CONFIG)
    assert data == [CONFIG.data, CONFIG.reference]
    assert backbones == [RANDOM]
    swapped = replace_refs(CONFIG, lambda ref: DataRef(name=f"{ref.name}_twin"), lambda ref: ref)
    assert swapped.data == swapped.reference == DataRef(name="fundus_twin")
