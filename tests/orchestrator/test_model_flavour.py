"""Models as MLflow loads them that read texts, or answer with masks."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from orchestrator.models.flavour import write_flavour
from trainables import align, generalise, segment
from trainables.alignment.openclip_folder import save_aligned
from trainables.alignment.pair_model import create_pair_model
from trainables.alignment.similarity import similarities
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.open import load_split
from trainables.data.transforms import EvalTransform
from trainables.generalisation.config import MethodConfig
from trainables.predictors.inputs import model_inputs
from trainables.predictors.kinds import Kind
from trainables.predictors.predictor import load_predictor
from trainables.segmentation.config import PromptConfig
from trainables.segmentation.model_files import Description, save_segmenter
from trainables.segmentation.network import create_network

CLIP = BackboneRef(card="clip_vit_b16_twin", weights="twin")
TEXTS = ["a melanoma", "a harmless spot"]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels_hwc = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels_hwc).save(tmp_path / "one.png")
    return tmp_path / "one.png"


def loaded(folder: Path, kind: Kind) -> Any:
    """Make a folder a model of MLflow's and load it."""
    import mlflow

    facts = {
        "kind": kind,
        "picture_channels": 3,
        "inputs": dataclasses.asdict(model_inputs(folder, kind)),
    }
    (folder / "xenograft.json").write_text(json.dumps(facts))
    write_flavour(folder, facts, made=0, identity="0" * 32)
    return mlflow.pyfunc.load_model(str(folder))


def asked(picture: Path) -> Any:
    import pandas as pd

    return pd.DataFrame({"image": [picture.read_bytes()] * 2})


def test_tuned_towers_answer_with_a_row_per_picture_and_text(
    tmp_path: Path, locations: Locations, picture: Path
) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    drawn = dataclasses.replace(CLIP, weights="random")
    transform = EvalTransform(size_px=32, mean=(0.5, 0.4, 0.3), std=(0.2, 0.5, 0.4))
    config = align.Config(backbone=CLIP, data=DataRef(name="isic_findings"))
    model = create_pair_model(drawn, locations, seed=5, image_size_px=32)
    save_aligned(folder, model, transform, config, {})

    found = loaded(folder, "clip").predict(asked(picture), params={"texts": TEXTS})
    assert found["picture"].tolist() == [0, 0, 1, 1]
    assert found["name"].tolist() == TEXTS * 2
    (expected,) = similarities(folder, [picture], TEXTS).tolist()
    assert found["value"].tolist() == pytest.approx(expected * 2, abs=1e-6)


def test_a_method_of_domain_generalisation_answers_with_a_column_per_class(
    tmp_path: Path, locations: Locations, picture: Path
) -> None:
    context = Context.local(tmp_path / "trial", locations, seed=3)
    data = DataRef(name="fundus", limit=20)
    config = generalise.Config(
        method=MethodConfig(
            name="erm", backbone=BackboneRef(card="resnet50_twin", weights="random")
        ),
        data=data,
        source_domains=("camera_0",),
        test_domains=("camera_2",),
        image_size_px=32,
        steps=1,
        batch_size=4,
    )
    generalise.run(config, context)
    table = pq.read_table(context.artifacts / "predictions.parquet").slice(0, 1)
    images = load_split(dataclasses.replace(data, domains=("camera_2",)), "train", locations)
    pixels_chw = images.image(list(images.ids).index(table["id"][0].as_py()))
    Image.fromarray(pixels_chw.permute(1, 2, 0).contiguous().numpy()).save(picture)

    found = loaded(context.artifacts, "generaliser").predict(asked(picture))
    assert tuple(found.columns) == images.classes
    expected_k = torch.tensor(table["logits"][0].as_py()).softmax(dim=0)
    assert found.iloc[1].tolist() == pytest.approx(expected_k.tolist(), abs=1e-6)


def test_a_segmenter_answers_with_masks_of_the_size_of_the_picture(
    tmp_path: Path, locations: Locations, picture: Path
) -> None:
    folder = tmp_path / "segmenter"
    folder.mkdir()
    config = segment.Config(
        segmenter=BackboneRef(card="unet_twin", weights="random"),
        data=DataRef(name="kvasir_polyp_twin"),
        image_size_px=32,
    )
    spec = config.spec(seed=1)
    description = Description(spec=spec, prompt=PromptConfig(), chosen=0.5)
    save_segmenter(folder, create_network(spec, locations), description, config, {})

    found = loaded(folder, "segmenter").predict(asked(picture))
    from trainables.data.pixels import read_image

    expected = load_predictor(folder, locations).predict(read_image(picture))
    assert found["name"].tolist() == list(expected.scores) * 2
    assert found["value"].tolist() == pytest.approx(list(expected.scores.values()) * 2)
    mask_hw = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["mask_png"][0]))))
    (own,) = expected.masks_hw.values()
    assert (mask_hw == own.numpy() * 255).all()
