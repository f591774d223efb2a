"""Towers that another cell fine-tuned, in the place of a card's weights."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import open_clip
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from trainables import align, bottleneck, classify, grounding, probe, zero_shot
from trainables.alignment.openclip_folder import load_aligned, save_aligned
from trainables.alignment.pair_model import create_pair_model
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.open import open_split
from trainables.data.transforms import EvalTransform
from trainables.engine.classifier_files import load_classifier
from trainables.engine.config import OptimizerConfig
from trainables.errors import ConfigError, WeightsError
from trainables.head_training import HeadTraining

CLIP = BackboneRef(card="clip_vit_b16_twin", weights="twin")
DATA = DataRef(name="uwaterloo_twin", limit=6)
ALIGNED = align.Config(backbone=CLIP, data=DataRef(name="isic_findings"))
TRANSFORM = EvalTransform(
    size_px=32,
    mean=(0.5, 0.4, 0.3),
    std=(0.25, 0.5, 0.4),
    interpolation="bicubic",
    resize="center_crop",
)


def fine_tuned(folder: Path, locations: Locations, seed: int = 5) -> Path:
    """Leave towers that no card has, as a cell of ``align`` does."""
    folder.mkdir(parents=True)
    drawn = dataclasses.replace(CLIP, weights="random")
    model = create_pair_model(drawn, locations, seed=seed, image_size_px=32)
    save_aligned(folder, model, TRANSFORM, ALIGNED, {})
    return folder


@pytest.fixture
def context(tmp_path: Path, shared_locations: Locations) -> Context:
    context = Context.local(tmp_path / "trial", shared_locations, seed=3)
    context.inputs = {"clip": fine_tuned(tmp_path / "clip", shared_locations)}
    return context


def pictures(context: Context, split: str = "test") -> Tensor:
    """Return the pictures of a split as the folder's own transform makes them."""
    images = open_split(DATA, split, context)  # type: ignore[arg-type]
    return TRANSFORM.build()(images.images(range(len(images))))


def written_logits(context: Context) -> Tensor:
    table = pq.read_table(context.artifacts / "predictions.parquet")
    return torch.tensor(table["logits"].to_pylist())


def test_zero_shot_compares_the_pictures_and_texts_of_the_folder(context: Context) -> None:
    said = {"melanoma": ("a melanoma",), "not melanoma": ("a harmless spot",)}
    zero_shot.run(zero_shot.Config(backbone=CLIP, data=DATA, prompts=said), context)
    folder = f"local-dir:{context.inputs['clip']}"
    theirs, _, _ = open_clip.create_model_and_transforms(folder)
    theirs.eval()
    ids = open_clip.get_tokenizer(folder)(["a melanoma", "a harmless spot"])
    with torch.no_grad():
        expected = theirs.get_logits(pictures(context), ids)[0]
    torch.testing.assert_close(written_logits(context), expected, atol=1e-4, rtol=1e-4)


def test_a_probe_reads_features_of_the_folder_and_keeps_them_for_other_trials(
    context: Context,
) -> None:
    config = probe.Config(backbone=CLIP, data=DATA)
    probe.run(config, context)
    built = len(context.store.builds("features"))
    again = dataclasses.replace(context, folder=context.folder.with_name("again"), seed=8)
    probe.run(config, again)
    assert len(context.store.builds("features")) == built
    assert torch.equal(written_logits(again), written_logits(context))
    model, spec = load_classifier(context.artifacts, context.locations)
    assert spec.transform == TRANSFORM
    with torch.no_grad():
        logits = model(pictures(context))
        feats = load_aligned(context.inputs["clip"]).images(pictures(context))
        torch.testing.assert_close(model.embed(pictures(context)), feats)
    torch.testing.assert_close(logits, written_logits(context), atol=1e-4, rtol=1e-4)


def test_other_weights_in_the_same_folder_are_other_features(context: Context) -> None:
    probe.run(probe.Config(backbone=CLIP, data=DATA), context)
    first = written_logits(context)
    path = context.inputs["clip"] / "open_clip_model.safetensors"
    state = load_file(path)
    save_file({**state, "visual.proj": state["visual.proj"].roll(1, dims=0).contiguous()}, path)
    again = dataclasses.replace(context, folder=context.folder.with_name("again"))
    probe.run(probe.Config(backbone=CLIP, data=DATA), again)
    assert not torch.allclose(written_logits(again), first)


def test_classify_starts_from_the_image_tower_of_the_folder(context: Context) -> None:
    config = classify.Config(
        backbone=CLIP, data=DATA, epochs=1, batch_size=4, optimizer=OptimizerConfig(lr=1e-12)
    )
    classify.run(config, context)
    model, spec = load_classifier(context.artifacts, context.locations)
    assert spec.transform == TRANSFORM
    with torch.no_grad():
        feats = load_aligned(context.inputs["clip"]).images(pictures(context))
        torch.testing.assert_close(model.backbone(pictures(context)), feats)


def test_classify_trains_the_image_tower_of_the_folder(context: Context) -> None:
    config = classify.Config(
        backbone=CLIP, data=DATA, epochs=1, batch_size=4, optimizer=OptimizerConfig(lr=1e-3)
    )
    classify.run(config, context)
    model, _ = load_classifier(context.artifacts, context.locations)
    start = load_aligned(context.inputs["clip"]).images.trunk.state_dict()
    moved = [
        name
        for name, t in model.backbone.trunk.state_dict().items()
        if not torch.equal(t, start[name])
    ]
    assert {"proj", "conv1.weight", "transformer.resblocks.0.ln_1.bias"} <= set(moved)


GROUNDED = grounding.Config(
    backbone=CLIP, data=DataRef(name="lesion_findings_twin", limit=600), train_examples=100
)


def grounded(context: Context, name: str) -> Path:
    """Run grounding with the inputs of a trial; return what it leaves."""
    trial = dataclasses.replace(context, folder=context.folder.with_name(name))
    grounding.run(GROUNDED, trial)
    return trial.artifacts


def bottleneck_of(**changes: Any) -> bottleneck.Config:
    training = HeadTraining(epochs=1, batch_size=8, lr=1e-2)
    return bottleneck.Config(**{"backbone": CLIP, "data": DATA, "training": training, **changes})


def test_a_bottleneck_needs_grounding_on_the_same_towers(
    context: Context, tmp_path: Path, shared_locations: Locations
) -> None:
    folder = grounded(context, "grounding")
    both = dataclasses.replace(context, inputs={**context.inputs, "grounding": folder})
    assert "test/accuracy" in bottleneck.run(bottleneck_of(), both)
    without = dataclasses.replace(both, inputs={"grounding": folder})
    with pytest.raises(ConfigError, match="input 'clip'"):
        bottleneck.run(bottleneck_of(), without)
    other = fine_tuned(tmp_path / "other", shared_locations, seed=6)
    mixed = dataclasses.replace(both, inputs={"grounding": folder, "clip": other})
    with pytest.raises(ConfigError, match="input 'clip'"):
        bottleneck.run(bottleneck_of(), mixed)


def test_a_bottleneck_of_words_reads_the_text_tower_of_the_folder(context: Context) -> None:
    folder = grounded(context, "grounding")
    both = dataclasses.replace(context, inputs={**context.inputs, "grounding": folder})
    bottleneck.run(bottleneck_of(scores="text", concepts=2, prior_weight=0.0), both)
    rows = json.loads((both.artifacts / "bottleneck.json").read_text())["classes"]
    towers = load_aligned(context.inputs["clip"])
    names = [row["concept"] for row in rows["melanoma"]]
    weight = torch.tensor(
        [[next(r["weight"] for r in rows[k] if r["concept"] == n) for n in names] for k in rows]
    )
    classes = open_split(DATA, "test", context).classes
    order = [list(rows).index(name) for name in classes]
    with torch.no_grad():
        unit = functional.normalize(towers.images(pictures(context)))
        scores = unit @ towers.texts.encode_texts(names).T
    bias = written_logits(both) - scores @ weight[order].T
    torch.testing.assert_close(bias, bias[:1].expand_as(bias), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": BackboneRef(card="openclip_vit_b16_twin")}, "holds towers of 'clip_vit_b16_"),
        ({"backbone": dataclasses.replace(CLIP, output_block=1)}, "output_block"),
        ({"image_size_px": 64}, "read 32 px"),
        ({"channels": "native"}, "read rgb"),
    ],
)
@pytest.mark.parametrize("kind", [zero_shot, classify])
def test_a_config_that_describes_other_towers_is_refused(
    kind: Any, changes: dict[str, Any], message: str, context: Context
) -> None:
    config = kind.Config(**{"backbone": CLIP, "data": DATA, **changes})
    with pytest.raises(ConfigError, match=message):
        kind.run(config, context)


def test_a_mean_and_sd_of_the_data_set_are_refused(context: Context) -> None:
    config = classify.Config(backbone=CLIP, data=DATA, normalisation="dataset")
    with pytest.raises(ConfigError, match="mean and sd of its own"):
        classify.run(config, context)


def test_a_text_encoder_beside_the_folder_is_refused(context: Context) -> None:
    text = BackboneRef(card="biomed_clip_text_twin", weights="twin")
    with pytest.raises(ConfigError, match="text tower of its own"):
        zero_shot.run(zero_shot.Config(backbone=CLIP, data=DATA, text=text), context)


def test_a_folder_of_something_else_is_named(context: Context) -> None:
    (context.inputs["clip"] / "alignment.json").unlink()
    with pytest.raises(WeightsError, match=r"alignment\.json is missing"):
        probe.run(probe.Config(backbone=CLIP, data=DATA), context)
