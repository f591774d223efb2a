"""The authors' own files, at full size: every tensor has its place, one more or less is seen."""

import importlib

import published_layouts as layouts
import pytest
import torch

from trainables.config import BackboneRef
from trainables.errors import WeightsError
from trainables.models.cards import get_backbone_card
from trainables.models.checkpoints import read_checkpoint
from trainables.models.weights import weights_status

pytestmark = pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")

# card, file name, entry that holds the tensors, layout, one of the tensors that are read
FILES = [
    (
        "sam_vit_b",
        "sam_vit_b_01ec64.pth",
        None,
        layouts.sam,
        "image_encoder.blocks.3.mlp.lin1.bias",
    ),
    ("blip_base", "model_base.pth", "model", layouts.blip, "visual_encoder.blocks.3.norm1.weight"),
    (
        "blip_base_released",
        "model_base.pth",
        "model",
        layouts.blip,
        "visual_encoder.blocks.3.norm1.weight",
    ),
    ("dino_vit_b16", "dino_vitbase16_pretrain.pth", None, layouts.dino, "blocks.3.attn.qkv.bias"),
    ("deit_b", "deit_base_patch16_224-b5f2ef4d.pth", "model", layouts.deit, "blocks.3.norm2.bias"),
    ("dinov2_vit_b14", "dinov2_vitb14_pretrain.pth", None, layouts.dinov2, "blocks.3.ls2.gamma"),
    (
        "openclip_vit_b16",
        "open_clip_pytorch_model.bin",
        None,
        layouts.open_clip,
        "visual.transformer.resblocks.3.ln_2.bias",
    ),
    (
        "openclip_vit_l14",
        "open_clip_pytorch_model.bin",
        None,
        layouts.open_clip_large,
        "visual.transformer.resblocks.23.ln_2.bias",
    ),
    (
        "whylesionclip",
        "open_clip_pytorch_model.bin",
        None,
        layouts.open_clip_large,
        "visual.transformer.resblocks.23.ln_2.bias",
    ),
    (
        "whyxrayclip",
        "open_clip_pytorch_model.bin",
        None,
        layouts.open_clip_large,
        "visual.transformer.resblocks.23.ln_2.bias",
    ),
    (
        "pmc_clip",
        "open_clip_pytorch_model.bin",
        None,
        layouts.open_clip_large,
        "visual.transformer.resblocks.23.ln_2.bias",
    ),
    ("resnet152", "resnet152-394f9c45.pth", None, layouts.resnet152, "layer3.30.bn2.running_var"),
]


@pytest.fixture(params=FILES, ids=lambda row: row[0])
def published(request, locations):
    """A card, its file where a user would put it, and how to write that file."""
    name, file, part, layout, key = request.param
    path = locations.weights / name.removesuffix("_released") / file
    path.parent.mkdir(parents=True)
    for companion in get_backbone_card(name).companions:
        (path.parent / companion).write_text("{}")

    def write(shapes):
        tensors = layouts.without_memory(shapes)
        torch.save(tensors if part is None else {part: tensors, "epoch": 20}, path)

    return get_backbone_card(name), path, write, layout(), key


def load(card, locations):
    status = weights_status(BackboneRef(card=card.name, weights=card.default_weights), locations)
    loader = importlib.import_module(card.module)
    with torch.device("meta"):
        backbone = loader.build(card, card.image_size_px)
    loader.load(backbone, card.source(card.default_weights), status.path)


def test_authors_file_fits_strictly(published, locations):
    card, path, write, shapes, _ = published
    write(shapes)
    status = weights_status(BackboneRef(card=card.name, weights=card.default_weights), locations)
    assert (status.present, status.path) == (True, path)
    load(card, locations)


def test_missing_tensor_is_named(published, locations):
    card, _, write, shapes, key = published
    del shapes[key]
    write(shapes)
    with pytest.raises(WeightsError, match="missing"):
        load(card, locations)


def test_tensor_of_another_shape_is_named(published, locations):
    card, _, write, shapes, key = published
    write({**shapes, key: (7,)})
    with pytest.raises(WeightsError, match=r"\(7,\) instead of"):
        load(card, locations)


def test_left_over_tensor_is_named(published, locations):
    card, _, write, shapes, key = published
    write({**shapes, f"{key}.more": (7,)})
    with pytest.raises(WeightsError, match=r"\.more unexpected"):
        load(card, locations)


def test_file_without_its_entry_is_refused(tmp_path):
    torch.save({"w": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="has no entry 'model' with the tensors"):
        read_checkpoint(tmp_path / "w.pth", "model")


def test_absent_file_is_asked_for_by_both_names(locations):
    ref = BackboneRef(card="deit_b", weights="imagenet1k")
    reason = weights_status(ref, locations).reason
    assert "put model.safetensors or deit_base_patch16_224-b5f2ef4d.pth into" in reason


def test_hub_s_file_is_preferred_to_the_authors(locations):
    folder = locations.weights / "deit_b"
    folder.mkdir(parents=True)
    for name in ("deit_base_patch16_224-b5f2ef4d.pth", "model.safetensors"):
        (folder / name).write_bytes(name.encode())
    status = weights_status(BackboneRef(card="deit_b", weights="imagenet1k"), locations)
    assert status.path == folder / "model.safetensors"
