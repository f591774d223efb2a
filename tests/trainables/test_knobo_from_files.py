"""KnoBo from files in the released formats: learned, ranked, pulled by priors; damage is named."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainables import bottleneck, grounding
from trainables.concepts.bottleneck_files import load_bottleneck
from trainables.concepts.grounding_files import load_grounding
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.card import SPLITS
from trainables.data.prepare import prepare
from trainables.data.split_files import SplitFile, write_split_file
from trainables.errors import DatasetError
from trainables.head_training import HeadTraining
from trainables.knowledge import Knowledge

CLIP = BackboneRef(card="clip_vit_b16_twin", weights="twin")
RED, BLUE = (200, 30, 30), (30, 30, 200)
CLASSES = {"melanoma": RED, "not melanoma": BLUE}
QUESTIONS = ("Is it even?", "Is it red?", "Is it rare?", "Was it never asked?")


def paint(path: Path, colour: tuple[int, int, int], seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 50, (8, 8, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((np.array(colour) + noise).astype(np.uint8)).save(path)


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def brought(shared_locations: Locations, tmp_path: Path) -> Locations:
    """A corpus of red and blue pictures with reports, files about them, a set of two classes."""
    # The store is that of all tests, which has the backbone.
    locations = dataclasses.replace(shared_locations, data=tmp_path / "data")
    reports = [f"r{i}" for i in range(80)]
    rows = []
    for i, report in enumerate(reports):
        paint(locations.data / "isic_pairs" / f"a/ISIC_{i}.png", RED if i < 40 else BLUE, i)
        row = {"images": [f"a/ISIC_{i}.png"], "findings": ["spot"], "split": "train"}
        rows.append(json.dumps({**row, "report_id": report}))
    (locations.data / "isic_pairs" / "captions.jsonl").write_text("\n".join(rows) + "\n")
    knobo = locations.data / "knobo"
    write_json(
        knobo / "metadata" / "skin.json",
        {report: {"images": [f"ISIC_{i}.JPG"]} for i, report in enumerate(reports)},
    )
    sides = {
        "Is it red?": {"positive": reports[:40], "negative": reports[40:]},
        "Is it even?": {"positive": reports[::2], "negative": reports[1::2]},
        "Is it rare?": {"positive": reports[:3], "negative": reports[3:]},
        "Is it in no list?": {"positive": reports[:40], "negative": reports[40:]},
    }
    write_json(knobo / "annotations" / "skin_gpt4.json", sides)
    (knobo / "skin_PubMed.txt").write_text("\n".join(QUESTIONS) + "\n")
    answers = {"melanoma": dict.fromkeys(QUESTIONS, "yes")}
    answers["not melanoma"] = dict.fromkeys(QUESTIONS, "no")
    write_json(knobo / "concept_priors" / "skin_class2concept2answer.json", answers)
    bring_uwaterloo(tmp_path / "source", locations)
    return locations


def bring_uwaterloo(folder: Path, locations: Locations) -> None:
    splits: Any = {
        split: {
            name: tuple(f"UWaterloo/{split}-{name}-{n}.png" for n in range(6)) for name in CLASSES
        }
        for split in SPLITS
    }
    for of_class in splits.values():
        for name, paths in of_class.items():
            for path in paths:
                paint(folder / path, CLASSES[name], len(path) + sum(map(ord, path)))
    file = folder / "UWaterloo" / "splits.json"
    write_split_file(file, SplitFile(dataset="UWaterloo", classes=tuple(CLASSES), splits=splits))
    prepare("uwaterloo", folder, locations)


def grounded(
    folder: Path, locations: Locations, **changes: Any
) -> tuple[Context, dict[str, float]]:
    context = Context.local(folder, locations, seed=1)
    knowledge = Knowledge(annotator="gpt4", **changes)
    config = grounding.Config(
        backbone=CLIP,
        data=DataRef(name="isic_findings"),
        knowledge=knowledge,
        least_held_out=4,
    )
    return context, grounding.run(config, context)


def classified(
    folder: Path, locations: Locations, functions: Path
) -> tuple[Context, dict[str, float]]:
    context = Context.local(folder, locations, seed=1)
    context.inputs = {"grounding": functions}
    config = bottleneck.Config(
        backbone=CLIP,
        data=DataRef(name="uwaterloo"),
        knowledge=Knowledge(annotator="gpt4"),
        training=HeadTraining(epochs=60, batch_size=4, lr=1e-1),
    )
    return context, bottleneck.run(config, context)


def test_concepts_are_learned_from_annotated_reports_and_classify(
    brought: Locations, tmp_path: Path
) -> None:
    context, found = grounded(tmp_path / "g", brought)
    assert found["concepts"] == 2
    assert found["skipped"] == 2, "one is too rare, one was never asked"
    functions, origin = load_grounding(context.artifacts)
    assert functions.names == ("Is it even?", "Is it red?"), "in the order of the list"
    assert float(functions.val_accuracy_c[1]) == 1.0
    assert origin.knowledge == Knowledge(annotator="gpt4")

    trial, metrics = classified(tmp_path / "b", brought, context.artifacts)
    assert metrics["test/accuracy"] == 1.0
    trained, _ = load_bottleneck(trial.artifacts)
    assert trained.scores.names == ("Is it red?", "Is it even?"), "the more accurate one first"
    assert trained.weight_kc[0, 0] > 0 > trained.weight_kc[1, 0]


def test_fewer_reports_leave_too_few_pictures(brought: Locations, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"shown by 40 training pictures.*more reports"):
        grounded(tmp_path, brought, reports=70)


@pytest.mark.parametrize(
    ("place", "content", "message"),
    [
        (
            "annotations/skin_gpt4.json",
            {"Is it red?": {"positive": ["r1"], "negative": ["r1"]}},
            r"skin_gpt4\.json: concept 'Is it red\?': report 'r1' is on both sides",
        ),
        (
            "annotations/skin_gpt4.json",
            {"Is it red?": {"positive": ["r99"], "negative": ["r1"]}},
            r"'Is it red\?': 1 reports are not in the metadata.*'r99'",
        ),
        ("metadata/skin.json", {"r1": {"pictures": []}}, r"skin\.json: report 'r1': has no list"),
        ("skin_PubMed.txt", None, r"skin_PubMed\.txt"),
    ],
)
def test_damaged_annotations_are_named(
    place: str, content: Any, message: str, brought: Locations, tmp_path: Path
) -> None:
    path = brought.data / "knobo" / place
    if content is None:
        path.unlink()
    else:
        write_json(path, content)
    with pytest.raises(DatasetError, match=message):
        grounded(tmp_path, brought)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"melanoma": {"Is it red?": "yes"}}, "nothing of class 'not melanoma'"),
        (
            {"melanoma": {"Is it red?": "yes"}, "not melanoma": {"Is it red?": "no"}},
            r"no answer for class 'melanoma' and concept 'Is it even\?'",
        ),
        (
            {"melanoma": {"Is it red?": "Yes"}},
            r"class2concept2answer\.json: class 'melanoma', concept 'Is it red\?': 'Yes' is not",
        ),
    ],
)
def test_priors_that_lack_an_answer_are_named_before_anything_is_trained(
    answers: Any, message: str, brought: Locations, tmp_path: Path
) -> None:
    context, _ = grounded(tmp_path / "g", brought)
    priors = brought.data / "knobo" / "concept_priors" / "skin_class2concept2answer.json"
    write_json(priors, answers)
    with pytest.raises(DatasetError, match=message):
        classified(tmp_path / "b", brought, context.artifacts)
    assert not (tmp_path / "b" / "checkpoints").exists()
