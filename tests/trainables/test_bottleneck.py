"""Concept bottlenecks: what is read, what is learned from it, what is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch.nn import functional

from trainables import bottleneck, grounding
from trainables.concepts.grounding import Grounding
from trainables.concepts.grounding_files import ReadFeatures, load_grounding, save_grounding
from trainables.concepts.knowledge import annotated_concepts, answers_of
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.lesion_concepts import CONCEPTS
from trainables.data.open import load_split, open_split
from trainables.engine.inputs import eval_transform
from trainables.errors import ConfigError, DatasetError, WeightsError
from trainables.features import frozen_features
from trainables.head_training import HeadTraining
from trainables.models.clip_text import create_clip_text

CLIP = BackboneRef(card="clip_vit_b16_twin", weights="twin")
DATA = DataRef(name="ddsm_twin", limit=16)
CHEXPERT = ("Mass?", "Effusion?", "Nodule?", "Device?")


def made_up(names: tuple[str, ...], dim: int = 64) -> Grounding:
    generator = torch.Generator().manual_seed(0)
    n = len(names)
    return Grounding(
        names=names,
        weight_cd=torch.randn(n, dim, generator=generator),
        bias_c=torch.randn(n, generator=generator),
        train_accuracy_c=torch.full((n,), 0.9),
        val_accuracy_c=torch.linspace(0.5, 0.8, n),
    )


def trial(
    folder: Path, locations: Locations, names: tuple[str, ...] = CHEXPERT, **changes: Any
) -> Context:
    """Return a context whose input holds made-up grounding functions."""
    context = Context.local(folder, locations, seed=3)
    given = folder / "given"
    given.mkdir(parents=True, exist_ok=True)
    read = ReadFeatures(backbone=changes.get("backbone", CLIP))
    save_grounding(given, made_up(names), read)
    context.inputs = {"grounding": given}
    return context


def config(**changes: Any) -> bottleneck.Config:
    values: dict[str, Any] = {
        "backbone": CLIP,
        "data": DATA,
        "prior_weight": 0.0,
        "training": HeadTraining(epochs=3, batch_size=8, lr=1e-1),
    }
    return bottleneck.Config(**values | changes)


def weights_of(context: Context) -> dict[str, dict[str, float]]:
    found = json.loads((context.artifacts / "bottleneck.json").read_text())["classes"]
    return {name: {row["concept"]: row["weight"] for row in rows} for name, rows in found.items()}


@pytest.mark.parametrize("scores", ["grounding", "text"])
def test_written_weights_and_scores_make_the_written_logits(
    scores: str, shared_locations: Locations, tmp_path: Path
) -> None:
    context = trial(tmp_path, shared_locations)
    bottleneck.run(config(scores=scores, concepts=3), context)
    by_class = weights_of(context)
    kept = ("Device?", "Nodule?", "Effusion?")  # the most accurate
    assert {tuple(sorted(row)) for row in by_class.values()} == {tuple(sorted(kept))}

    images = open_split(DATA, "test", context)
    feats = frozen_features(CLIP, images, eval_transform(CLIP, DATA, None), context)
    unit = functional.normalize(feats)
    if scores == "text":
        text = create_clip_text(CLIP, shared_locations, seed=0)
        z = torch.stack([unit @ text.encode_texts([name])[0] for name in kept], dim=1)
    else:
        functions = made_up(CHEXPERT)
        rows = [CHEXPERT.index(name) for name in kept]
        z = 1 / (1 + torch.exp(-(unit @ functions.weight_cd[rows].T + functions.bias_c[rows])))
    weight = torch.tensor([[by_class[k][name] for name in kept] for k in images.classes])
    written = pq.read_table(context.artifacts / "predictions.parquet")["logits"].to_pylist()
    # The bias is not written: it is the same for every picture.
    bias = torch.tensor(written) - z @ weight.T
    np.testing.assert_allclose(bias.numpy(), bias[:1].expand_as(bias).numpy(), atol=1e-4)


def test_weights_are_written_the_strongest_first(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context = trial(tmp_path, shared_locations)
    bottleneck.run(config(), context)
    for row in weights_of(context).values():
        assert list(row.values()) == sorted(row.values(), reverse=True)


def test_a_heavy_prior_decides_the_signs(shared_locations: Locations, tmp_path: Path) -> None:
    questions = tuple(concept.question for concept in CONCEPTS)
    context = trial(tmp_path, shared_locations, questions)
    data = DataRef(name="uwaterloo_twin", limit=16)
    training = HeadTraining(epochs=1, batch_size=8, lr=1.0)
    bottleneck.run(config(data=data, prior_weight=1e4, training=training), context)
    answers = answers_of("uwaterloo_twin")
    for name, row in weights_of(context).items():
        assert {concept for concept, weight in row.items() if weight > 0} == {
            concept for concept, answer in answers[name].items() if answer == "yes"
        }


def test_random_concepts_differ_between_replicates(
    shared_locations: Locations, tmp_path: Path
) -> None:
    drawn = []
    for replicate in (0, 0, 1):
        context = trial(tmp_path / str(len(drawn)), shared_locations)
        context.replicate = replicate
        bottleneck.run(config(concepts=2, choice="random"), context)
        drawn.append(set(next(iter(weights_of(context).values()))))
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("residual", ["joint", "sequential"])
def test_a_sequential_bottleneck_does_not_move_and_a_joint_one_does(
    residual: str, shared_locations: Locations, tmp_path: Path
) -> None:
    trained = []
    for epochs in (1, 4):
        context = trial(tmp_path / str(epochs), shared_locations)
        training = HeadTraining(epochs=epochs, batch_size=8, lr=1e-4)
        bottleneck.run(config(residual=residual, training=training), context)
        heads = json.loads((context.artifacts / "bottleneck.json").read_text())
        state = context.resume()
        assert state is not None
        trained.append((heads, state[1]["model"]["bottleneck.weight"]))
    assert torch.equal(trained[0][1], trained[1][1]) == (residual == "sequential")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"backbone": BackboneRef(card="clip_vit_b16_twin")}, "random weights"),
        ({"concepts": 0}, "concepts"),
        ({"choice": "best"}, "choice"),
        ({"scores": "logits"}, "scores"),
        ({"residual": "both"}, "residual"),
        ({"residual": "joint", "prior_weight": 1.0}, "prior_weight=0"),
        ({"columns": 5}, "columns"),
        ({"residual_l2": 0.1}, "residual"),
        ({"residual": "joint", "columns": 0}, "columns"),
        ({"prior_weight": -1.0}, "prior_weight"),
        ({"text": BackboneRef(card="minilm_twin", weights="twin")}, "scores=text"),
        (
            {"scores": "text", "backbone": BackboneRef(card="resnet18_twin", weights="twin")},
            "CLIP's kind",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**values)


def test_grounding_of_another_backbone_is_refused(
    shared_locations: Locations, tmp_path: Path
) -> None:
    other = dataclasses.replace(CLIP, card="openclip_vit_b16_twin")
    with pytest.raises(ConfigError, match="openclip_vit_b16_twin"):
        bottleneck.run(config(), trial(tmp_path, shared_locations, backbone=other))


def test_a_missing_or_damaged_input_is_named(shared_locations: Locations, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no input 'grounding'"):
        bottleneck.run(config(), Context.local(tmp_path / "a", shared_locations))
    context = trial(tmp_path / "b", shared_locations)
    description = context.inputs["grounding"] / "grounding.json"
    content = json.loads(description.read_text())
    description.write_text(json.dumps({**content, "concepts": ["Mass?"]}))
    with pytest.raises(WeightsError, match="lists 1 concepts"):
        bottleneck.run(config(), context)
    description.unlink()
    with pytest.raises(WeightsError, match="no grounding functions"):
        bottleneck.run(config(), context)


def test_classes_without_a_prior_are_refused(shared_locations: Locations, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="prior_weight=0"):
        bottleneck.run(config(prior_weight=1.0), trial(tmp_path, shared_locations))


def test_grounding_functions_are_read_as_written(tmp_path: Path) -> None:
    written = made_up(CHEXPERT)
    features = ReadFeatures(backbone=CLIP, clip="ab12")
    save_grounding(tmp_path, written, features)
    read, found = load_grounding(tmp_path)
    assert found == features
    assert read.names == written.names
    for name in ("weight_cd", "bias_c", "train_accuracy_c", "val_accuracy_c"):
        assert torch.equal(getattr(read, name), getattr(written, name))


def test_findings_of_generated_lesions_annotate_their_concepts(
    shared_locations: Locations,
) -> None:
    images = load_split(DataRef(name="lesion_findings_twin", limit=40), "train", shared_locations)
    found = annotated_concepts(images)
    assert list(found) == [concept.question for concept in CONCEPTS]
    for concept in CONCEPTS:
        shown = [row for row in range(40) if concept.finding in images.captions_of(row)]
        assert found[concept.question].positive == shown
        assert len(found[concept.question].negative) == 40 - len(shown)


def test_sets_without_concepts_are_refused(shared_locations: Locations, tmp_path: Path) -> None:
    asked = grounding.Config(backbone=CLIP, data=DATA)
    with pytest.raises(ConfigError, match="no concepts"):
        grounding.run(asked, Context.local(tmp_path, shared_locations))


def test_a_set_too_small_for_any_concept_is_refused(
    shared_locations: Locations, tmp_path: Path
) -> None:
    asked = grounding.Config(backbone=CLIP, data=DataRef(name="chexpert_twin", limit=50))
    with pytest.raises(DatasetError, match=r"limit"):
        grounding.run(asked, Context.local(tmp_path, shared_locations))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_examples": 199}, "max_examples"),
        ({"train_examples": 1}, "train_examples"),
        ({"inverse_l2": 0.0}, "inverse_l2"),
        ({"image_size_px": 0}, "image_size_px"),
    ],
)
def test_grounding_refuses_nonsense(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        grounding.Config(backbone=CLIP, data=DATA, **values)
