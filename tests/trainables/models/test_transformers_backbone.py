"""DINOv2 through transformers: published layout, strictness, sizes, channels."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Dinov2Config, Dinov2Model

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.errors import WeightsError
from trainables.models import transformers_backbone
from trainables.models.cards import get_backbone_card
from trainables.models.factory import create_backbone

CARD = get_backbone_card("dinov2_vit_s14")
SOURCE = CARD.sources[0]
TWIN = dataclasses.replace(get_backbone_card("dinov2_vit_s14_twin"), ignored_keys=CARD.ignored_keys)


def _published(folder: Path, seed: int = 0) -> tuple[Dinov2Model, Path]:
    """Write a model of the twin's size as the hub has it, and return it with its file."""
    torch.manual_seed(seed)
    config = Dinov2Config(hidden_size=TWIN.dim, patch_size=14, image_size=140, **TWIN.overrides)
    model = Dinov2Model(config).eval()
    torch.nn.init.normal_(model.embeddings.position_embeddings)
    model.save_pretrained(folder)
    return model, folder / "model.safetensors"


def test_a_published_file_gives_the_library_s_own_features(tmp_path: Path) -> None:
    model, path = _published(tmp_path)
    assert any(".attention.attention.query." in name for name in load_file(path))
    backbone = transformers_backbone.build(TWIN, 140).eval()
    transformers_backbone.load(backbone, SOURCE, path)
    x_nchw = torch.randn(2, 3, 140, 140, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        ours, theirs = backbone.features(x_nchw), model(x_nchw)
        normalised = model.layernorm(ours.tokens_ntd)
    torch.testing.assert_close(ours.pooled_nd, theirs.pooler_output)
    torch.testing.assert_close(normalised, theirs.last_hidden_state[:, 1:])


def test_positions_are_resampled_as_the_library_does_at_run_time(tmp_path: Path) -> None:
    model, path = _published(tmp_path)
    backbone = transformers_backbone.build(TWIN, 70).eval()
    transformers_backbone.load(backbone, SOURCE, path)
    assert backbone.trunk.embeddings.position_embeddings.shape == (1, 26, TWIN.dim)
    prefix = model.embeddings.position_embeddings[:, :1]
    assert torch.equal(backbone.trunk.embeddings.position_embeddings[:, :1], prefix)
    with torch.inference_mode():
        pooled_nd = backbone(torch.randn(2, 3, 70, 70))
    assert pooled_nd.shape == (2, TWIN.dim)
    assert pooled_nd.isfinite().all()


def test_a_file_that_lacks_an_attention_layer_is_refused(tmp_path: Path) -> None:
    _, path = _published(tmp_path)
    state = load_file(path)
    del state["encoder.layer.1.attention.attention.key.weight"]
    save_file(state, path)
    backbone = transformers_backbone.build(TWIN, 140)
    with pytest.raises(WeightsError, match=r"encoder\.layer\.1\.attention\.k_proj\.weight missing"):
        transformers_backbone.load(backbone, SOURCE, path)


def test_full_size_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        backbone = transformers_backbone.build(CARD, 518)
    # The published model less its mask token.
    assert sum(p.numel() for p in backbone.parameters()) == 22_056_576 - 384


def test_every_parameter_gets_a_gradient_also_with_one_channel(locations: Locations) -> None:
    ref = BackboneRef(card=TWIN.name, weights="random")
    backbone = create_backbone(ref, locations, seed=0, in_chans=1)
    backbone(torch.randn(2, 1, 70, 70)).square().sum().backward()
    assert all(p.grad is not None for p in backbone.parameters())
    assert [name for name, _ in backbone.blocks()] == [f"encoder.layer.{i}" for i in range(3)]
