"""Zero-shot classification against cosines taken prompt by prompt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from trainables import zero_shot
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.open import open_split
from trainables.engine.inputs import eval_transform
from trainables.errors import ConfigError
from trainables.features import feature_seed, frozen_features
from trainables.models.clip_text import create_clip_text

CLIP = BackboneRef(card="clip_vit_b16_twin")
DATA = DataRef(name="ddsm_twin", limit=12)


def config(**changes: object) -> zero_shot.Config:
    return zero_shot.Config(**{"backbone": CLIP, "data": DATA, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", ["mean_similarity", "mean_embedding", "max_similarity"])
def test_scores_are_cosines_with_the_prompts_of_each_class(
    rule: str, shared_locations: Locations, tmp_path: Path
) -> None:
    prompts = {"Abnormal": ("a mass", "a cluster of specks"), "Normal": ("healthy tissue",)}
    context = Context.local(tmp_path, shared_locations, seed=2)
    zero_shot.run(config(prompts=prompts, rule=rule), context)
    written = pq.read_table(context.artifacts / "predictions.parquet")["logits"].to_pylist()

    images = open_split(DATA, "test", context)
    feats = frozen_features(CLIP, images, eval_transform(CLIP, DATA, None), context)
    text = create_clip_text(CLIP, shared_locations, feature_seed(CLIP, context))
    for row, picture in zip(written, feats, strict=True):
        for score, name in zip(row, images.classes, strict=True):
            said = [text.encode_texts([prompt])[0] for prompt in prompts[name]]
            cosines = [float(torch.cosine_similarity(picture, v, dim=0)) for v in said]
            expected = {
                "mean_similarity": sum(cosines) / len(cosines),
                "max_similarity": max(cosines),
                "mean_embedding": float(
                    torch.cosine_similarity(picture, sum(said, torch.zeros(64)), dim=0)
                ),
            }[rule]
            assert score == pytest.approx(text.temperature * expected, abs=1e-3)


def test_without_prompts_every_class_has_all_templates() -> None:
    said = config(templates=("{}", "no {}")).prompts_of(("a", "b"))
    assert said == [("a", "no a"), ("b", "no b")]


def test_other_braces_of_a_template_are_left_alone() -> None:
    assert config(templates=("{x}: {}",)).prompts_of(("a{0}",)) == [("{x}: a{0}",)]


def test_prompts_are_given_in_the_order_of_the_classes() -> None:
    asked = config(prompts={"b": ("x",), "a": ("y", "z")})
    assert asked.prompts_of(("a", "b")) == [("y", "z"), ("x",)]
    with pytest.raises(ConfigError, match="letter"):
        asked.prompts_of(("A", "b"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rule": "median"}, "rule"),
        ({"templates": ()}, "template"),
        ({"templates": ("a photo",)}, "template"),
        ({"prompts": {"normal": ()}}, "'normal' has no prompt"),
        ({"backbone": BackboneRef(card="resnet18_twin")}, "CLIP's kind"),
        ({"backbone": BackboneRef(card="biomed_clip")}, "no text tower"),
        ({"text": BackboneRef(card="biobert_twin", weights="twin")}, "space"),
        ({"image_size_px": 0}, "image_size_px"),
    ],
)
def test_configs_that_cannot_work_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**values)


def test_a_text_encoder_of_its_own_is_read(shared_locations: Locations, tmp_path: Path) -> None:
    biomed = config(
        backbone=BackboneRef(card="biomed_clip_twin"),
        text=BackboneRef(card="biomed_clip_text_twin", weights="twin"),
    )
    metrics = zero_shot.run(biomed, Context.local(tmp_path, shared_locations))
    assert np.isfinite(metrics["test/accuracy"])


def test_multilabel_sets_are_refused(shared_locations: Locations, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="multilabel"):
        zero_shot.run(
            config(data=DataRef(name="chexpert_twin", limit=10)),
            Context.local(tmp_path, shared_locations),
        )
