"""BiomedCLIP and PubMedCLIP: published layouts in small, against the libraries they come from."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from open_clip.timm_model import TimmModel
from torch.nn import functional
from transformers import CLIPConfig, CLIPModel

from trainables.errors import WeightsError
from trainables.models import biomed_clip_backbone, open_clip_backbone
from trainables.models.cards import get_backbone_card
from trainables.models.checkpoints import load_strictly
from trainables.models.clip_names import read_pair
from trainables.models.clip_text import ClipText

BIOMED = dataclasses.replace(
    get_backbone_card("biomed_clip"), architecture="vit_tiny_patch16_224", dim=64
)
PUBMED = dataclasses.replace(
    get_backbone_card("pubmed_clip"),
    dim=24,
    image_size_px=64,
    stride_px=32,
    overrides={
        "embed_dim": 24,
        "vision_cfg": {"patch_size": 32, "width": 32, "layers": 2, "head_width": 16},
        "text_cfg": {"width": 16, "heads": 2, "layers": 2, "context_length": 20},
    },
)


@pytest.fixture(scope="module")
def biomed_file(tmp_path_factory):
    torch.manual_seed(0)
    tower = TimmModel("vit_tiny_patch16_224", embed_dim=64, pool="", proj="linear").eval()
    state = {f"visual.{name}": t for name, t in tower.state_dict().items()}
    path = tmp_path_factory.mktemp("biomed") / "open_clip_pytorch_model.bin"
    torch.save(
        {**state, "logit_scale": torch.tensor(4.4), "text.proj.0.weight": torch.ones(2)}, path
    )
    return tower, path


def test_biomed_clip_s_image_tower_is_open_clip_s(biomed_file):
    tower, path = biomed_file
    backbone = biomed_clip_backbone.build(BIOMED, 224).eval()
    biomed_clip_backbone.load(backbone, BIOMED.sources[0], path)
    x_nchw = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        features = backbone.features(x_nchw)
        assert torch.allclose(features.pooled_nd, tower(x_nchw), atol=1e-4)
        projection_hd = backbone.take_projection()
        assert torch.allclose(backbone(x_nchw) @ projection_hd, tower(x_nchw), atol=1e-4)
    assert features.tokens_ntd.shape == (1, 196, 192)
    assert backbone.dim == 192


def test_biomed_clip_reads_its_file_at_another_size(biomed_file):
    _, path = biomed_file
    backbone = biomed_clip_backbone.build(BIOMED, 96).eval()
    biomed_clip_backbone.load(backbone, BIOMED.sources[0], path)
    assert backbone(torch.zeros(1, 3, 96, 96)).shape == (1, 64)


@pytest.fixture(scope="module")
def pubmed_model():
    torch.manual_seed(0)
    tower = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_act": "quick_gelu"}
    vision = {"hidden_size": 32, "intermediate_size": 128, "image_size": 64, "patch_size": 32}
    text = {"hidden_size": 16, "intermediate_size": 64, "max_position_embeddings": 20}
    special = {"bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407}
    config = CLIPConfig(
        projection_dim=24,
        vision_config={**tower, **vision, "projection_dim": 24},
        text_config={**tower, **text, **special, "vocab_size": 49408, "projection_dim": 24},
    )
    return CLIPModel(config).eval()


@pytest.fixture
def pubmed_state(pubmed_model):
    state = dict(pubmed_model.state_dict())
    state["text_model.embeddings.position_ids"] = torch.arange(20)[None]
    return state


def test_pubmed_clip_s_two_towers_are_those_of_transformers(pubmed_model, pubmed_state, tmp_path):
    path = tmp_path / "pytorch_model.bin"
    torch.save(pubmed_state, path)
    images = open_clip_backbone.build(PUBMED, 64).eval()
    open_clip_backbone.load(images, PUBMED.sources[0], path)
    text = ClipText(PUBMED).eval()
    load_strictly(
        text.tower, read_pair(path), dataclasses.replace(PUBMED, ignored_keys=("visual.",)), path
    )
    x_nchw = torch.randn(2, 3, 64, 64)
    ids_nt = text.token_ids(["an x-ray of a chest", "a CT"])
    with torch.no_grad():
        out = pubmed_model(input_ids=ids_nt, pixel_values=x_nchw)
        z_nd = functional.normalize(images(x_nchw), dim=-1)
        t_nd = functional.normalize(text(ids_nt), dim=-1)
    assert torch.allclose(z_nd, out.image_embeds, atol=1e-5)
    assert torch.allclose(t_nd, out.text_embeds, atol=1e-5)


def test_a_missing_matrix_of_attention_is_named(pubmed_state, tmp_path):
    del pubmed_state["vision_model.encoder.layers.1.self_attn.v_proj.weight"]
    path = tmp_path / "pytorch_model.bin"
    torch.save(pubmed_state, path)
    with pytest.raises(WeightsError, match=r"resblocks\.1\.attn\.in_proj_weight"):
        open_clip_backbone.load(open_clip_backbone.build(PUBMED, 64), PUBMED.sources[0], path)
