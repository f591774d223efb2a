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
from trainables.concepts.bottleneck_files import load_bottleneck
from trainables.concepts.grounding import Grounding
from trainables.concepts.grounding_files import Origin, load_grounding, save_grounding
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.open import open_split
from trainables.data.sets.knobo_knowledge import priors_of
from trainables.data.twins.lesion_concepts import CONCEPTS
from trainables.engine.inputs import eval_transform
from trainables.errors import ConfigError, DatasetError, WeightsError
from trainables.features import frozen_features
from trainables.head_training import HeadTraining
from trainables.knowledge import Knowledge
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
    origin = Origin(**{"backbone": CLIP, "knowledge": Knowledge(), **changes})
    save_grounding(given, made_up(names), origin)
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


def test_later_epochs_that_were_as_good_are_counted(
    shared_locations: Locations, tmp_path: Path
) -> None:
    accuracies: list[float] = []
    context = trial(tmp_path, shared_locations)
    context.send = lambda _, metrics: accuracies.append(metrics["val/accuracy"])
    training = HeadTraining(epochs=12, batch_size=8, lr=1e-1)
    final = bottleneck.run(config(training=training), context)
    best = accuracies.index(max(accuracies))
    assert final["chosen/epoch"] == best + 1
    assert final["chosen/ties"] == accuracies[best + 1 :].count(max(accuracies)) > 0


@pytest.mark.parametrize("residual", ["none", "joint", "sequential"])
@pytest.mark.parametrize("scores", ["grounding", "text"])
def test_a_reloaded_bottleneck_predicts_as_the_trained_one(
    residual: str, scores: str, shared_locations: Locations, tmp_path: Path
) -> None:
    context = trial(tmp_path, shared_locations)
    columns = None if residual == "none" else 10
    bottleneck.run(config(residual=residual, columns=columns, scores=scores), context)
    loaded, origin = load_bottleneck(context.artifacts)
    assert origin == Origin(backbone=CLIP, knowledge=Knowledge())

    images = open_split(DATA, "test", context)
    feats = frozen_features(CLIP, images, eval_transform(CLIP, DATA, None), context)
    written = pq.read_table(context.artifacts / "predictions.parquet")["logits"].to_pylist()
    torch.testing.assert_close(loaded.logits(feats), torch.tensor(written), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        loaded.probabilities(feats), torch.tensor(written).softmax(1), atol=1e-5, rtol=1e-5
    )
    # What is left beside the concepts: the bias, and what the residual adds.
    rest = loaded.logits(feats) - loaded.contributions(feats).sum(dim=2) - loaded.bias_k
    assert (rest.abs().max() < 1e-5) == (residual == "none")
    weights = weights_of(context)
    for k, name in enumerate(images.classes):
        row = [weights[name][concept] for concept in loaded.scores.names]
        torch.testing.assert_close(loaded.weight_kc[k], torch.tensor(row))


def test_a_damaged_bottleneck_is_named(shared_locations: Locations, tmp_path: Path) -> None:
    context = trial(tmp_path, shared_locations)
    bottleneck.run(config(), context)
    description = context.artifacts / "bottleneck.json"
    content = json.loads(description.read_text())
    description.write_text(json.dumps({**content, "concepts": content["concepts"][1:]}))
    with pytest.raises(WeightsError, match="3 concepts, so 'score_weight_cd' must have the shape"):
        load_bottleneck(context.artifacts)
    description.write_text(json.dumps({k: v for k, v in content.items() if k != "origin"}))
    with pytest.raises(WeightsError, match=r"no concept bottleneck.*'origin'"):
        load_bottleneck(context.artifacts)
    (context.artifacts / "bottleneck.safetensors").write_bytes(b"x" * 20)
    description.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="no concept bottleneck"):
        load_bottleneck(context.artifacts)


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
    answers = priors_of("uwaterloo_twin", shared_locations)
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
        ({"prior_weight": 1.0, "knowledge": None}, "prior_weight=0"),
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"backbone": dataclasses.replace(CLIP, card="openclip_vit_b16_twin")},
            "openclip_vit_b16_twin",
        ),
        ({"clip": "ab12"}, "ab12"),
        ({"knowledge": Knowledge(source="prompt")}, "prompt"),
        ({"knowledge": Knowledge(annotator="gpt4")}, "gpt4"),
        ({"knowledge": None}, "knowledge=None"),
    ],
)
def test_grounding_of_another_origin_is_refused(
    change: dict[str, Any], message: str, shared_locations: Locations, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=f"{message}.*both cells need the same"):
        bottleneck.run(config(), trial(tmp_path, shared_locations, **change))


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
    with pytest.raises(DatasetError, match="nothing is known of the concepts of 'ddsm_twin'"):
        bottleneck.run(config(prior_weight=1.0), trial(tmp_path, shared_locations))


def test_grounding_functions_are_read_as_written(tmp_path: Path) -> None:
    written = made_up(CHEXPERT)
    origin = Origin(backbone=CLIP, clip="ab12", knowledge=Knowledge(reports=100))
    save_grounding(tmp_path, written, origin)
    read, found = load_grounding(tmp_path)
    assert found == origin
    assert read.names == written.names
    for name in ("weight_cd", "bias_c", "train_accuracy_c", "val_accuracy_c"):
        assert torch.equal(getattr(read, name), getattr(written, name))


def test_sets_without_concepts_are_refused(shared_locations: Locations, tmp_path: Path) -> None:
    asked = grounding.Config(backbone=CLIP, data=DATA, knowledge=None)
    with pytest.raises(ConfigError, match="'ddsm_twin' is not a multilabel set"):
        grounding.run(asked, Context.local(tmp_path, shared_locations))


def test_a_set_too_small_for_any_concept_is_refused(
    shared_locations: Locations, tmp_path: Path
) -> None:
    asked = grounding.Config(backbone=CLIP, data=DataRef(name="chest_findings_twin", limit=50))
    with pytest.raises(DatasetError, match=r"shown by 100 training pictures.*data\.limit"):
        grounding.run(asked, Context.local(tmp_path, shared_locations))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_examples": 199}, "max_examples"),
        ({"train_examples": 1}, "train_examples"),
        ({"least_held_out": 0}, "least_held_out"),
        ({"least_held_out": 51}, "the most that are held out"),
        ({"least_held_out": 20, "max_examples": 399}, "max_examples must be >= 400"),
        ({"inverse_l2": 0.0}, "inverse_l2"),
        ({"image_size_px": 0}, "image_size_px"),
    ],
)
def test_grounding_refuses_nonsense(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        grounding.Config(backbone=CLIP, data=DATA, **values)
