"""Methods of domain generalisation put to use: packed, moved, and still as their trial."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainables import generalise
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.augmentation import Augmentation
from trainables.data.cards import get_data_card
from trainables.data.open import load_split
from trainables.engine.config import OptimizerConfig
from trainables.errors import WeightsError
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.text_config import PromptConfig, TextConfig
from trainables.predictors.inputs import model_inputs
from trainables.predictors.kinds import kind_of
from trainables.predictors.package import package_files
from trainables.predictors.predictor import load_predictor

CNN = BackboneRef(card="resnet50_twin", weights="random")
CLIP = BackboneRef(card="clip_vit_b16_twin", weights="twin")
DRAWN = BackboneRef(card="clip_vit_b16_twin", weights="random")
BERT = BackboneRef(card="biobert_twin", weights="twin")
SEEN = PromptConfig(placement="before_end")

METHODS = {
    "erm": MethodConfig(name="erm", backbone=CNN, dropout=0.5),
    "group_dro": MethodConfig(name="group_dro", backbone=CNN),
    "clip_v_finetune": MethodConfig(name="clip_v_finetune", backbone=DRAWN),
    "zero_shot": MethodConfig(name="zero_shot", backbone=DRAWN),
    "coop_lvt": MethodConfig(name="coop_lvt", backbone=CLIP),
    "coop_lvt, texts that see": MethodConfig(name="coop_lvt", backbone=DRAWN, prompt=SEEN),
    "biobert_prompt": MethodConfig(
        name="biobert_prompt", backbone=DRAWN, text=TextConfig(encoder=BERT)
    ),
    "coop": MethodConfig(name="coop", backbone=DRAWN),
    "cocoop": MethodConfig(name="cocoop", backbone=DRAWN),
}


def run(method: MethodConfig, folder: Path, locations: Locations) -> Context:
    context = Context.local(folder, locations, seed=3)
    config = generalise.Config(
        method=method,
        data=DataRef(name="fundus", limit=20),
        source_domains=("camera_0", "camera_1"),
        test_domains=("camera_2",),
        image_size_px=32,
        augment=Augmentation(),
        steps=2,
        batch_size=4,
        optimizer=OptimizerConfig(name="sgd", lr=1e-2),
    )
    generalise.run(config, context)
    return context


def packed(context: Context, folder: Path) -> Path:
    for name, file in package_files(context.artifacts, context.locations).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / name)
    return folder


def as_told(folder: Path, locations: Locations, scratch: Path) -> tuple[Tensor, Tensor]:
    """Return what the trial wrote of its pictures, and what its package says elsewhere."""
    table = pq.read_table(folder / "predictions.parquet")
    expected_nk = torch.tensor(table["logits"].to_pylist()).softmax(dim=1)
    data = DataRef(name="fundus", domains=("camera_2",), limit=20)
    images = load_split(data, "train", locations)
    alone = Locations(data=scratch / "none", weights=scratch / "none", store=scratch / "store")
    predictor = load_predictor(scratch / "package", alone)
    row = {image: k for k, image in enumerate(images.ids)}
    found = [predictor.predict(images.image(row[i])).scores for i in table["id"].to_pylist()]
    assert all(tuple(scores) == images.classes for scores in found)
    return expected_nk, torch.tensor([list(scores.values()) for scores in found])


@pytest.mark.parametrize("name", METHODS)
def test_a_packed_method_predicts_as_its_trial_did(
    name: str, tmp_path: Path, shared_locations: Locations
) -> None:
    context = run(METHODS[name], tmp_path / "trial", shared_locations)
    packed(context, tmp_path / "package")
    expected_nk, found_nk = as_told(context.artifacts, shared_locations, tmp_path)
    assert len(expected_nk) > 3
    torch.testing.assert_close(found_nk, expected_nk, atol=1e-6, rtol=0)


@pytest.fixture(scope="module")
def coop(tmp_path_factory: pytest.TempPathFactory, shared_locations: Locations) -> Path:
    """The package of one method whose texts are settled."""
    root = tmp_path_factory.mktemp("coop")
    return packed(run(METHODS["coop"], root / "trial", shared_locations), root / "package")


def test_a_package_says_what_the_model_takes(coop: Path) -> None:
    assert kind_of(coop) == "generaliser"
    inputs = model_inputs(coop, "generaliser")
    assert inputs.preprocessing["size_px"] == 32
    assert inputs.classes == get_data_card("fundus").classes
    assert not inputs.reads_texts


def described(folder: Path, method: str, prompt: dict[str, str]) -> Path:
    """Leave a model of published towers, as far as packing looks at it."""
    folder.mkdir()
    backbone = {"card": "clip_vit_b16", "weights": "openai"}
    method_config = {"name": method, "backbone": backbone, "prompt": prompt}
    (folder / "config.json").write_text(json.dumps({"generaliser": {"method": method_config}}))
    (folder / "model.safetensors").write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("method", "prompt", "needed"),
    [
        ("cocoop", {}, True),
        ("coop_lvt", {"placement": "before_end"}, True),
        ("coop_lvt_prompt_only", {"placement": "before_end"}, True),
        ("coop_lvt", {"placement": "appended"}, False),
        ("coop", {}, False),
        ("erm", {"placement": "before_end"}, False),
    ],
)
def test_published_towers_go_along_where_texts_follow_the_picture(
    method: str, prompt: dict[str, str], needed: bool, tmp_path: Path, locations: Locations
) -> None:
    published = locations.weights / "clip_vit_b16" / "open_clip_model.safetensors"
    published.parent.mkdir(parents=True)
    published.write_bytes(b"both towers")
    files = package_files(described(tmp_path / "trial", method, prompt), locations)
    own = {"config.json", "model.safetensors"}
    assert set(files) - own == (
        {"weights/clip_vit_b16/open_clip_model.safetensors"} if needed else set()
    )


@pytest.mark.parametrize("name", ["settled.vectors_kd", "images.projection_ed"])
def test_a_model_that_lacks_a_tensor_is_refused(
    name: str, coop: Path, tmp_path: Path, shared_locations: Locations
) -> None:
    broken = Path(shutil.copytree(coop, tmp_path / "broken"))
    tensors = load_file(broken / "model.safetensors")
    del tensors[name]
    save_file(tensors, broken / "model.safetensors")
    missing = name.removeprefix("settled.")
    with pytest.raises(WeightsError, match=rf"model.safetensors does not fit .*{missing} missing"):
        load_predictor(broken, shared_locations)


def test_a_damaged_description_is_named(
    coop: Path, tmp_path: Path, shared_locations: Locations
) -> None:
    broken = Path(shutil.copytree(coop, tmp_path / "broken"))
    content = json.loads((broken / "config.json").read_text())
    content["generaliser"]["method"]["name"] = "copp"
    (broken / "config.json").write_text(json.dumps(content))
    with pytest.raises(WeightsError, match=r"config.json does not describe .*copp.*coop"):
        load_predictor(broken, shared_locations)
    with pytest.raises(WeightsError, match=r"does not say what it was trained from"):
        package_files(broken, shared_locations)
