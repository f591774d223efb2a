"""Published layouts, written with random numbers and loaded through the factory."""

import importlib
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from transformers import Dinov2Config, Dinov2Model

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.errors import WeightsError
from trainables.models import open_clip_backbone, timm_backbone
from trainables.models.cards import BACKBONE_CARDS, get_backbone_card
from trainables.models.checkpoints import load_strictly, read_checkpoint, rename_by_order
from trainables.models.factory import create_backbone
from trainables.models.seeding import seeded


def published_state(name: str) -> dict[str, torch.Tensor]:
    """A state in the published layout: the whole model, classifier or text tower included."""
    card = get_backbone_card(name)
    with seeded(11):
        if card.library == "timm":
            model = timm.create_model(card.architecture, pretrained=False, **card.overrides)
            return model.state_dict()
        if card.library == "transformers":
            config = Dinov2Config(
                hidden_size=card.dim, patch_size=card.stride_px, image_size=518, **card.overrides
            )
            return Dinov2Model(config).state_dict()
        return open_clip_backbone.build_clip(card, card.image_size_px).state_dict()


def bring(locations: Locations, name: str, state: dict[str, torch.Tensor]) -> Path:
    [source] = get_backbone_card(name).sources
    path = locations.weights / name / source.basename
    path.parent.mkdir(parents=True)
    save_file({k: t.contiguous() for k, t in state.items()}, path)
    return path


def create(name: str, locations: Locations, **options: int):
    ref = BackboneRef(card=name, weights=get_backbone_card(name).default_weights)
    return create_backbone(ref, locations, seed=0, **options)


def test_deit_file_is_loaded_whole(locations):
    state = published_state("deit_s")
    bring(locations, "deit_s", state)
    backbone = create("deit_s", locations)
    for key, tensor in backbone.trunk.state_dict().items():
        assert torch.equal(tensor, state[key]), key


def test_resnet_file_is_loaded_whole(locations):
    state = published_state("resnet50")
    bring(locations, "resnet50", state)
    backbone = create("resnet50", locations)
    for key, tensor in backbone.trunk.state_dict().items():
        assert torch.equal(tensor, state[key]), key


# Files that hold more than the library's model are written out in test_published_files.py.
@pytest.mark.parametrize(
    "name",
    [
        name
        for name, card in BACKBONE_CARDS.items()
        if card.sources and not any(source.prefix for source in card.sources)
    ],
)
def test_published_model_is_the_backbone_and_what_the_card_ignores(name):
    card = get_backbone_card(name)
    with torch.device("meta"):
        trunk = importlib.import_module(card.module).build(card, card.image_size_px).trunk
        state = published_state(name)
    prefix = "visual." if card.library == "open_clip" else ""
    rest = set(state) - {prefix + key for key in trunk.state_dict()}
    assert len(rest) == len(state) - len(trunk.state_dict())
    for key in rest:
        assert any(key == e or (e[-1] == "." and key.startswith(e)) for e in card.ignored_keys)


def test_dinov2_file_of_another_size_is_loaded_but_for_its_positions(tmp_path):
    card = get_backbone_card("dinov2_vit_b14_twin")
    state = published_state(card.name)
    assert state["pos_embed"].shape == (1, 37 * 37 + 1, 96)
    path = tmp_path / "dinov2.safetensors"
    save_file(state, path)
    backbone = timm_backbone.build(card, 70)
    timm_backbone.load(backbone, get_backbone_card("dinov2_vit_b14").sources[0], path)
    loaded = backbone.trunk.state_dict()
    assert loaded.pop("pos_embed").shape == (1, 5 * 5 + 1, 96)
    assert all(torch.equal(t, state[key]) for key, t in loaded.items())


def test_clip_layout_loads_only_the_image_tower(tmp_path):
    card = get_backbone_card("clip_vit_b16_twin")
    state = published_state("clip_vit_b16_twin")
    path = tmp_path / "clip.safetensors"
    save_file(state, path)
    backbone = open_clip_backbone.build(card, 96)
    open_clip_backbone.load(backbone, get_backbone_card("clip_vit_b16").sources[0], path)
    loaded = backbone.trunk.state_dict()
    assert loaded.pop("positional_embedding").shape == (12 * 12 + 1, 96)
    assert all(torch.equal(t, state[f"visual.{key}"]) for key, t in loaded.items())


def test_missing_tensor_is_named(locations):
    state = published_state("deit_s")
    del state["blocks.7.attn.qkv.weight"]
    path = bring(locations, "deit_s", state)
    with pytest.raises(WeightsError, match=r"blocks\.7\.attn\.qkv\.weight missing") as caught:
        create("deit_s", locations)
    assert str(path) in str(caught.value)


def test_left_over_tensor_is_named(locations):
    state = {**published_state("deit_s"), "dist_token": torch.zeros(1, 1, 384)}
    bring(locations, "deit_s", state)
    with pytest.raises(WeightsError, match="dist_token unexpected"):
        create("deit_s", locations)


def test_checkpoint_of_another_architecture_is_refused(locations):
    bring(locations, "deit_s", published_state("resnet50"))
    with pytest.raises(WeightsError, match=r"does not fit backbone 'deit_s'.*missing.*unexpected"):
        create("deit_s", locations)


def test_distilled_checkpoint_is_refused_by_its_positions(locations):
    state = {**published_state("deit_s"), "pos_embed": torch.zeros(1, 198, 384)}
    bring(locations, "deit_s", state)
    with pytest.raises(WeightsError, match=r"pos_embed \(1, 198, 384\) instead of"):
        create("deit_s", locations)


def test_narrower_checkpoint_is_refused_by_shape(locations):
    state = published_state("deit_s")
    state["norm.weight"] = torch.zeros(192)
    bring(locations, "deit_s", state)
    with pytest.raises(WeightsError, match=r"norm\.weight \(192,\) instead of \(384,\)"):
        create("deit_s", locations)


def test_damaged_file_is_refused(tmp_path):
    for name in ("w.safetensors", "w.pth"):
        path = tmp_path / name
        path.write_bytes(b"not weights at all")
        with pytest.raises(WeightsError, match="cannot be read as weights"):
            read_checkpoint(path)


def test_pickled_code_is_never_run(tmp_path):
    marker = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return (Path.touch, (marker,))

    torch.save({"w": Trap()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        read_checkpoint(tmp_path / "w.pth")
    assert not marker.exists()


def test_nested_file_is_refused(tmp_path):
    torch.save({"model": {"w": torch.zeros(1)}}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="not a flat set"):
        read_checkpoint(tmp_path / "w.pth")


CARD = BACKBONE_CARDS["efficientnet_lite0"]
MODEL = {"a": torch.zeros(2), "b": torch.zeros(3)}


def test_ordered_file_takes_the_model_s_names(tmp_path):
    theirs = {"_x": torch.ones(2), "_y": torch.ones(3), "_w": torch.ones(4), "_v": torch.ones(5)}
    renamed = rename_by_order(theirs, MODEL, CARD, tmp_path)
    assert {k: len(t) for k, t in renamed.items()} == {
        "a": 2,
        "b": 3,
        "classifier.weight": 4,
        "classifier.bias": 5,
    }


def test_ordered_file_of_other_shapes_is_refused(tmp_path):
    theirs = {"_y": torch.ones(3), "_x": torch.ones(2), "_w": torch.ones(4), "_v": torch.ones(5)}
    with pytest.raises(WeightsError, match=r"'_y' has shape \(3,\) where 'a' needs \(2,\)"):
        rename_by_order(theirs, MODEL, CARD, tmp_path)


def test_ordered_file_of_another_length_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="has 2 tensors, the model expects 4"):
        rename_by_order(dict(MODEL), MODEL, CARD, tmp_path)


def test_ignored_prefix_needs_its_dot(tmp_path):
    card = get_backbone_card("clip_vit_b16_twin")
    module = torch.nn.Linear(1, 1)
    state = {**module.state_dict(), "transformer.x": torch.zeros(1)}
    load_strictly(module, state, card, tmp_path)
    with pytest.raises(WeightsError, match="transformerx unexpected"):
        load_strictly(module, {**state, "transformerx": torch.zeros(1)}, card, tmp_path)
