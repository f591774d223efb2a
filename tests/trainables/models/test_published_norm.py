"""Mean and sd from the file that was published beside the weights."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from trainables import align, classify, probe
from trainables.alignment.training import _transform
from trainables.analyses.tower import open_tower
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.engine import supervised
from trainables.errors import WeightsError
from trainables.models.cards import get_backbone_card
from trainables.models.published_norm import published_norm
from trainables.models.weights import weights_status

WHY = BackboneRef(card="whylesionclip", weights="isic")
DATA = DataRef(name="uwaterloo_twin", limit=4)
MEAN, STD = (0.48, 0.45, 0.4), (0.26, 0.27, 0.28)


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "model_cfg": {"embed_dim": 768},
        "preprocess_cfg": {"mean": list(MEAN), "std": list(STD), **changes},
    }


def bring(locations: Locations, content: object, card: str = "whylesionclip") -> Path:
    folder = locations.weights / card
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"logit_scale": torch.tensor(4.0)}, folder / "open_clip_pytorch_model.bin")
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "open_clip_config.json").write_text(text)
    return folder


@pytest.fixture
def context(locations: Locations, tmp_path: Path) -> Context:
    locations.store.mkdir()
    bring(locations, settings())
    return Context.local(tmp_path / "trial", locations)


def test_every_way_to_see_pictures_takes_those_of_the_file(context: Context) -> None:
    assert published_norm(WHY, context.locations) == (MEAN, STD)
    tower = open_tower(probe.Config(backbone=WHY, data=DATA), context)
    trained = supervised.picture_transform(classify.Config(backbone=WHY, data=DATA), None, context)
    aligned = _transform(align.Config(backbone=WHY, data=DataRef(name="isic_findings")), context)
    for transform in (tower.transform, trained, aligned):
        assert (transform.mean, transform.std) == (MEAN, STD)


def test_what_a_config_says_itself_comes_first(context: Context) -> None:
    half = (0.5, 0.5, 0.5)
    config = align.Config(backbone=WHY, data=DataRef(name="isic_findings"), mean=half, std=half)
    assert _transform(config, context).mean == half


@pytest.mark.parametrize(
    "ref",
    [
        dataclasses.replace(WHY, weights="random"),
        BackboneRef(card="whyclip_twin", weights="twin"),
        BackboneRef(card="openclip_vit_l14", weights="laion2b_s32b_b82k"),
    ],
)
def test_other_weights_have_those_of_their_card(ref: BackboneRef, locations: Locations) -> None:
    card = get_backbone_card(ref.card)
    assert published_norm(ref, locations) == (card.mean, card.std) == ((0.5,) * 3, (0.5,) * 3)


def test_weights_without_the_file_are_not_here(context: Context) -> None:
    (context.locations.weights / "whylesionclip/open_clip_config.json").unlink()
    status = weights_status(WHY, context.locations)
    assert not status.present
    assert "lacks open_clip_config.json" in status.reason


def test_another_file_is_another_identity(context: Context) -> None:
    first = weights_status(WHY, context.locations)
    bring(context.locations, settings(mean=[0.5, 0.5, 0.5]))
    assert weights_status(WHY, context.locations).digest != first.digest


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "states no mean and sd"),
        ({}, "states no mean and sd"),
        ([], "states no mean and sd"),
        (settings(mean=[0.5]), "states no mean and sd"),
        (settings(std=None), "states no mean and sd"),
        (settings(std=[0.1, 0.0, 0.1]), "sd must be > 0"),
        ({**settings(), "model_cfg": {"quick_gelu": True}}, "of another network"),
    ],
)
def test_files_of_something_else_are_refused(
    content: object, message: str, context: Context
) -> None:
    bring(context.locations, content)
    with pytest.raises(WeightsError, match=message):
        published_norm(WHY, context.locations)
