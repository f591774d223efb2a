"""SAM's image encoder: against transformers, resampled as its authors resample it."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import SamVisionConfig, SamVisionModel

from trainables.errors import WeightsError
from trainables.models import sam_backbone
from trainables.models.cards import get_backbone_card
from trainables.models.positions import resize_distances

REAL = get_backbone_card("sam_vit_b")
SOURCE = REAL.sources[0]
TINY = dataclasses.replace(
    get_backbone_card("sam_vit_b_twin"),
    dim=48,
    ignored_keys=REAL.ignored_keys,
    overrides={
        "patch_size": 8,
        "embed_dim": 48,
        "depth": 3,
        "num_heads": 3,
        "window_size": 4,
        "global_attn_indexes": (1,),
    },
)
_THEIR_NAMES = {
    "vision_encoder.": "image_encoder.",
    "patch_embed.projection": "patch_embed.proj",
    "layers.": "blocks.",
    "layer_norm": "norm",
}


def _their_model(size_px: int) -> SamVisionModel:
    """transformers' model with every tensor drawn, positions included."""
    config = SamVisionConfig(
        hidden_size=48,
        output_channels=16,
        num_hidden_layers=3,
        num_attention_heads=3,
        image_size=size_px,
        patch_size=8,
        window_size=4,
        global_attn_indexes=[1],
        mlp_dim=192,
    )
    model = SamVisionModel(config).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


def _published(model: SamVisionModel, path: Path) -> dict[str, torch.Tensor]:
    """Write the tensors as the authors name them, with some of the decoder, and return them."""
    state = {}
    for name, tensor in model.state_dict().items():
        for theirs, published in _THEIR_NAMES.items():
            name = name.replace(theirs, published)
        state[name] = tensor
    torch.save({**state, "mask_decoder.iou_token.weight": torch.zeros(1, 256)}, path)
    return state


def _loaded(size_px: int, path: Path):
    backbone = sam_backbone.build(TINY, size_px).eval()
    sam_backbone.load(backbone, SOURCE, path)
    return backbone


@pytest.mark.parametrize("size_px", [32, 72])
def test_published_tensors_give_the_features_of_transformers(size_px, tmp_path):
    # 32 px: one window, as the real one at 224 px; 72 px: nine places, padded to three windows.
    model = _their_model(size_px)
    _published(model, tmp_path / "sam.pth")
    backbone = _loaded(size_px, tmp_path / "sam.pth")
    seen = []
    model.vision_encoder.layers[-1].register_forward_hook(
        lambda _m, _i, out: seen.append(out[0] if isinstance(out, tuple) else out)
    )
    x_nchw = torch.randn(2, 3, size_px, size_px, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        model(x_nchw)
        features = backbone.features(x_nchw)
    [map_nhwd] = seen
    torch.testing.assert_close(features.tokens_ntd, map_nhwd.flatten(1, 2), atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(features.pooled_nd, map_nhwd.mean(dim=(1, 2)), atol=2e-5, rtol=1e-5)


def test_another_size_resamples_positions_of_the_grid_and_no_window(tmp_path):
    state = _published(_their_model(72), tmp_path / "sam.pth")
    own = _loaded(40, tmp_path / "sam.pth").trunk.state_dict()
    expected_1dhw = functional.interpolate(
        state["image_encoder.pos_embed"].permute(0, 3, 1, 2),
        size=(5, 5),
        mode="bicubic",
        antialias=True,
    )
    torch.testing.assert_close(own["pos_embed"], expected_1dhw.permute(0, 2, 3, 1))
    for axis in "hw":
        table_ld = state[f"image_encoder.blocks.1.attn.rel_pos_{axis}"]
        rows = [table_ld[i * 17 // 9] for i in range(9)]
        assert torch.equal(own[f"blocks.1.attn.rel_pos_{axis}"], torch.stack(rows))
        window = f"blocks.0.attn.rel_pos_{axis}"
        assert torch.equal(own[window], state[f"image_encoder.{window}"])


def test_distances_of_the_real_file_are_the_nearest_rows():
    table_ld = torch.arange(127.0)[:, None].expand(127, 64)
    resized = resize_distances(table_ld, 27)
    assert resized[:, 5].tolist() == [math.floor(i * 127 / 27) for i in range(27)]


def test_table_of_a_window_of_another_size_is_refused(tmp_path):
    state = _published(_their_model(72), tmp_path / "sam.pth")
    state["image_encoder.blocks.0.attn.rel_pos_h"] = torch.zeros(9, 16)
    torch.save(state, tmp_path / "sam.pth")
    with pytest.raises(WeightsError, match=r"blocks\.0\.attn\.rel_pos_h \(9, 16\) instead of"):
        _loaded(72, tmp_path / "sam.pth")


def test_positions_that_are_no_grid_are_refused(tmp_path):
    state = _published(_their_model(72), tmp_path / "sam.pth")
    state["image_encoder.pos_embed"] = torch.zeros(1, 82, 48)
    torch.save(state, tmp_path / "sam.pth")
    with pytest.raises(WeightsError, match=r"pos_embed \(1, 82, 48\) instead of"):
        _loaded(72, tmp_path / "sam.pth")


def test_windows_at_224_px_cover_the_whole_grid():
    with torch.device("meta"):
        trunk = sam_backbone.build(REAL, 224).trunk
    tables = {tuple(block.attn.rel_pos_h.shape) for block in trunk.blocks}
    assert tables == {(27, 64)}
