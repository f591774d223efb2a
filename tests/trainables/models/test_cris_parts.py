"""The parts of CRIS give what the published code gives, and hold as many parameters."""

import json
from pathlib import Path

import open_clip
import pytest
import torch
from torch import nn

from trainables.models.catalogue.cris import CRIS, CRIS_TWIN
from trainables.models.segmenter_options import SegmenterOptions
from trainables.models.segmenters.cris.backbone import MapAttentionPool, picture_maps
from trainables.models.segmenters.cris.decoder import Decoder, grid_positions, line_positions
from trainables.models.segmenters.cris.layers import with_coordinates
from trainables.models.segmenters.cris.neck import Neck
from trainables.models.segmenters.cris.network import Cris
from trainables.models.segmenters.cris.projector import Projector

RECORDED = Path(__file__).parents[2] / "golden" / "medvlsm" / "cris_parts.json"
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def parts():
    return json.loads(RECORDED.read_text(encoding="utf-8"))["parts"]


def with_state(module: nn.Module, part) -> nn.Module:
    state = {
        name: torch.tensor(entry["data"]).reshape(entry["shape"])
        for name, entry in part["state"].items()
    }
    module.load_state_dict(state, strict=True)
    return module.eval()


def assert_recorded(found: torch.Tensor, recorded) -> None:
    expected = torch.tensor(recorded)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


def test_positions_of_words(parts):
    for case in parts["pos1d"]:
        found = line_positions(case["d_model"], case["length"])
        assert_recorded(found.reshape(torch.tensor(case["value"]).shape), case["value"])


def test_positions_of_places(parts):
    for case in parts["pos2d"]:
        found = grid_positions(case["d_model"], case["height"], case["width"])
        assert_recorded(found.reshape(torch.tensor(case["value"]).shape), case["value"])


def test_coordinates(parts):
    part = parts["add_coord"]
    assert_recorded(with_coordinates(torch.tensor(part["input"])), part["output"])


def test_projector(parts):
    part = parts["projector"]
    module = with_state(Projector(part["word_dim"], part["in_dim"]), part)
    assert_recorded(module(torch.tensor(part["x"]), torch.tensor(part["word"])), part["output"])


@pytest.mark.parametrize("output", ["output", "output_no_mask"])
def test_decoder(parts, output):
    part = parts["transformer_decoder"]
    sizes = (part["num_layers"], part["d_model"], part["nhead"], part["dim_ffn"])
    module = with_state(Decoder(*sizes, dropout=0.2), part)
    mask = torch.tensor(part["pad_mask"]).bool() if output == "output" else None
    found = module(torch.tensor(part["vis"]), torch.tensor(part["txt"]), mask)
    assert_recorded(found.flatten(2), part[output])


def test_neck(parts):
    part = parts["fpn"]
    module = with_state(Neck(part["in_channels"], part["out_channels"]), part)
    maps = tuple(torch.tensor(part[name]) for name in ("v3", "v4", "v5"))
    assert_recorded(module(maps, torch.tensor(part["state_vector"])), part["output"])


def test_attention_pool_on_a_larger_grid(parts):
    part = parts["attention_pool"]
    sizes = (part["spacial_dim"], part["embed_dim"], part["num_heads"], part["output_dim"])
    module = with_state(MapAttentionPool(*sizes), part)
    assert_recorded(module(torch.tensor(part["x"])), part["output"])


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_full_size_has_the_published_parameters():
    with torch.device("meta"):
        cris = Cris(CRIS, SegmenterOptions())
    assert parameters(cris.backbone) == 104_106_337
    assert parameters(cris.backbone.visual) == 40_416_096
    assert parameters(cris.neck) == 24_142_336
    assert parameters(cris.decoder) == 12_631_552
    assert parameters(cris.proj) == 5_968_897
    assert parameters(cris) == 146_849_122


def test_everything_but_the_temperature_trains():
    with torch.device("meta"):
        cris = Cris(CRIS, SegmenterOptions())
    still = [name for name, p in cris.named_parameters() if not p.requires_grad]
    assert still == ["backbone.logit_scale"]


def test_full_size_maps_have_the_published_shapes():
    with torch.device("meta"):
        cris = Cris(CRIS, SegmenterOptions()).eval()
        maps = picture_maps(cris.backbone, torch.empty(1, 3, 416, 416))
    assert [tuple(m.shape[1:]) for m in maps] == [(512, 52, 52), (1024, 26, 26), (1024, 13, 13)]


def test_clip_lacks_only_the_shortcut_of_the_pool():
    with torch.device("meta"):
        cris = Cris(CRIS, SegmenterOptions())
        clip = open_clip.CLIP(**open_clip.get_model_config("RN50-quickgelu"))
    own = {name: tensor.shape for name, tensor in cris.backbone.state_dict().items()}
    theirs = {name: tensor.shape for name, tensor in clip.state_dict().items()}
    extra = [name for name in own if name not in theirs]
    assert len(own) == 495
    assert len(extra) == 6
    assert all(name.startswith("visual.attnpool.connect.") for name in extra)
    assert {name: own[name] for name in theirs} == theirs


def logits(cris: Cris, texts: list[str]) -> torch.Tensor:
    torch.manual_seed(3)
    pixels_nchw = torch.randn(len(texts), 3, 96, 96)
    with torch.no_grad():
        return cris.eval()(pixels_nchw, cris.tokenize(texts))


def test_zero_padding_is_masked_and_end_padding_is_read():
    torch.manual_seed(0)
    end = Cris(CRIS_TWIN, SegmenterOptions())
    zero = Cris(CRIS_TWIN, SegmenterOptions(text_padding="zero"))
    zero.load_state_dict(end.state_dict())
    assert int((end.tokenize(["a polyp"]).ids_nl == 0).sum()) == 0
    assert int((zero.tokenize(["a polyp"]).ids_nl == 0).sum()) == 77 - 5
    assert not torch.allclose(logits(end, ["a polyp"]), logits(zero, ["a polyp"]), atol=1e-4)
    # What is masked cannot matter: other words of the table for id 0 change nothing.
    before = logits(zero, ["a polyp"])
    with torch.no_grad():
        zero.backbone.token_embedding.weight[0] += 5
    torch.testing.assert_close(logits(zero, ["a polyp"]), before)


@pytest.mark.parametrize("encoder_train_mode", [True, False])
def test_frozen_encoders_keep_their_weights_and_on_request_their_statistics(encoder_train_mode):
    options = SegmenterOptions(freeze_encoder=True, encoder_train_mode=encoder_train_mode)
    torch.manual_seed(0)
    cris = Cris(CRIS_TWIN, options).train()
    before = cris.backbone.visual.bn1.running_mean.clone()
    cris(torch.randn(2, 3, 96, 96), cris.tokenize(["a", "b"])).mean().backward()
    assert all(p.grad is None for p in cris.backbone.parameters())
    assert all(p.grad is not None for p in cris.proj.parameters())
    moved = not torch.equal(before, cris.backbone.visual.bn1.running_mean)
    assert moved == encoder_train_mode
