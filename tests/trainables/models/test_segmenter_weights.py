"""Weights of segmenters: what they consist of, where they are looked for, what loads them."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from trainables.config import BackboneRef
from trainables.errors import ConfigError, WeightsError
from trainables.models import segmenter_twin_recipe, weights
from trainables.models.catalogue.clipseg import CLIPSEG
from trainables.models.catalogue.cris import CLIP_ONLY, CRIS
from trainables.models.segmenter_cards import SEGMENTER_CARDS
from trainables.models.segmenters import factory
from trainables.models.segmenters.factory import build_segmenter
from trainables.models.weights import require_weights, weights_status


def published(monkeypatch, card, **changes) -> BackboneRef:
    """Give a published card the sizes of its twin, and refer to it."""
    twin = SEGMENTER_CARDS[card.twin]
    small = dataclasses.replace(card, sizes=twin.sizes, image_size_px=twin.image_size_px, **changes)
    cards = {**SEGMENTER_CARDS, card.name: small}
    monkeypatch.setattr(weights, "SEGMENTER_CARDS", cards)
    monkeypatch.setattr(factory, "get_segmenter_card", cards.__getitem__)
    return BackboneRef(card=card.name, weights=small.default_weights)


def tensors_like(module: nn.Module) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {
        name: torch.rand(tensor.shape, generator=generator)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in module.state_dict().items()
    }


def bring(locations, card: str, name: str, state: Mapping[str, object]) -> Path:
    path = locations.weights / card / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        save_file(dict(state), path)
    else:
        torch.save(dict(state), path)
    return path


def small_segmenter(shared_locations, name: str):
    return build_segmenter(BackboneRef(card=f"{name}_twin", weights="twin"), shared_locations, 0)


def assert_holds(module: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    own = module.state_dict()
    for name, tensor in state.items():
        assert torch.equal(own[name], tensor), name


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_clipseg_loads_the_librarys_file(locations, shared_locations, monkeypatch, name):
    ref = published(monkeypatch, CLIPSEG)
    state = tensors_like(small_segmenter(shared_locations, "clipseg").clipseg)
    buffer = {"clip.text_model.embeddings.position_ids": torch.arange(77)[None]}
    path = bring(locations, "clipseg", name, {**state, **buffer})
    assert_holds(build_segmenter(ref, locations, 0).clipseg, state)
    assert weights_status(ref, locations).digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_missing_tensor_is_named(locations, shared_locations, monkeypatch):
    ref = published(monkeypatch, CLIPSEG)
    state = tensors_like(small_segmenter(shared_locations, "clipseg").clipseg)
    del state["decoder.film_mul.weight"]
    bring(locations, "clipseg", "model.safetensors", state)
    with pytest.raises(WeightsError, match=r"decoder\.film_mul\.weight missing"):
        build_segmenter(ref, locations, 0)


def test_cris_loads_a_checkpoint_of_its_trainer(locations, shared_locations, monkeypatch):
    ref = published(monkeypatch, CRIS)
    state = tensors_like(small_segmenter(shared_locations, "cris"))
    wrapped = {f"module.{name}": tensor for name, tensor in state.items()}
    bring(locations, "cris", "cris_best.pth", {"epoch": 40, "state_dict": wrapped})
    assert_holds(build_segmenter(ref, locations, 0), state)


def test_clip_alone_leaves_the_rest_of_cris_to_the_seed(locations, shared_locations, monkeypatch):
    ref = dataclasses.replace(published(monkeypatch, CRIS), weights=CLIP_ONLY)
    clip = tensors_like(small_segmenter(shared_locations, "cris").backbone)
    clip = {name: t for name, t in clip.items() if ".attnpool.connect." not in name}
    bring(locations, "cris", "open_clip_model.safetensors", clip)
    one, same, other = (build_segmenter(ref, locations, seed) for seed in (1, 1, 2))
    for model in (one, same, other):
        assert_holds(model.backbone, clip)
    for name in ("proj.txt.weight", "backbone.visual.attnpool.connect.0.weight"):
        drawn = [model.get_parameter(name) for model in (one, same, other)]
        assert torch.equal(drawn[0], drawn[1])
        assert not torch.equal(drawn[0], drawn[2])


def test_clip_alone_has_to_be_whole(locations, shared_locations, monkeypatch):
    ref = dataclasses.replace(published(monkeypatch, CRIS), weights=CLIP_ONLY)
    clip = tensors_like(small_segmenter(shared_locations, "cris").backbone)
    kept = {name: t for name, t in clip.items() if "layer3" not in name}
    bring(locations, "cris", "open_clip_model.safetensors", kept)
    with pytest.raises(WeightsError, match=r"backbone\.visual\.layer3"):
        build_segmenter(ref, locations, 0)


@pytest.mark.parametrize(
    ("name", "part", "prefix"),
    [("clipseg", "clipseg", "net.clipseg."), ("cris", "", "net."), ("unet", "network", "net.")],
)
@pytest.mark.parametrize("file", ["exported.safetensors", "exported.pt"])
def test_tensors_exported_from_the_published_code_load(
    locations, shared_locations, monkeypatch, name, part, prefix, file
):
    card = SEGMENTER_CARDS[name]
    ref = dataclasses.replace(published(monkeypatch, card), weights="exported")
    small = small_segmenter(shared_locations, name).get_submodule(part)
    state = tensors_like(small)
    theirs = {prefix + tensor_name: tensor for tensor_name, tensor in state.items()}
    bring(locations, name, file, {**theirs, "criterion.weight": torch.ones(1)})
    assert_holds(build_segmenter(ref, locations, 0).get_submodule(part), state)


def test_tensors_exported_of_biomed_clipseg_replace_those_of_its_parts(
    locations, shared_locations, monkeypatch
):
    name = "biomed_clipseg"
    towers = SEGMENTER_CARDS[f"{name}_twin"].parts["twin"]
    ref = published(monkeypatch, SEGMENTER_CARDS[name], parts={"exported": towers})
    state = tensors_like(small_segmenter(shared_locations, name))
    theirs = {f"net.{tensor_name}": tensor for tensor_name, tensor in state.items()}
    theirs["net.biomedclip.logit_scale"] = torch.ones(())
    bring(locations, name, "exported.safetensors", theirs)
    here = dataclasses.replace(shared_locations, weights=locations.weights)
    ref = dataclasses.replace(ref, weights="exported")
    assert_holds(build_segmenter(ref, here, 0), state)


def test_a_checkpoint_with_code_in_it_is_refused(locations, monkeypatch):
    ref = dataclasses.replace(published(monkeypatch, CRIS), weights="exported")
    bring(locations, "cris", "exported.pt", {"hyper_parameters": Path("somewhere")})
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        build_segmenter(ref, locations, 0)


PUBLISHED = [name for name, card in SEGMENTER_CARDS.items() if not card.is_twin]


@pytest.mark.parametrize("name", PUBLISHED)
def test_absent_weights_say_what_to_put_where(locations, name):
    card = SEGMENTER_CARDS[name]
    status = weights_status(BackboneRef(card=name, weights=card.default_weights), locations)
    assert (status.kind, status.present, status.digest) == ("real", False, "")
    assert "put " in status.reason
    assert str(locations.weights) in status.reason


def test_weights_of_several_cards_are_here_when_all_are(locations):
    ref = BackboneRef(card="biomed_clipseg_d", weights="pmc15m_rd64_refined")
    missing = [
        ("biomed_clip", "open_clip_pytorch_model.bin"),
        ("biomed_clip_text", "open_clip_pytorch_model.bin"),
        ("biomed_clip_text", "vocab.txt"),
        ("clipseg", "model.safetensors"),
    ]
    for card, file in missing:
        status = weights_status(ref, locations)
        assert not status.present
        assert file in status.reason
        assert str(locations.weights / card) in status.reason
        path = locations.weights / card / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(card.encode())
    before = require_weights(ref, locations)
    assert before.path is None
    (locations.weights / "clipseg" / "model.safetensors").write_bytes(b"another")
    assert require_weights(ref, locations).digest not in ("", before.digest)


def test_weights_of_one_card_keep_its_digest(locations):
    backbone = BackboneRef(card="resnet50_twin", weights="twin")
    unet = BackboneRef(card="unet_twin", weights="twin")
    assert weights_status(unet, locations).digest == weights_status(backbone, locations).digest


def test_unknown_weights_list_those_there_are(locations):
    with pytest.raises(WeightsError, match="rd64_refined"):
        weights_status(BackboneRef(card="clipseg", weights="rd64"), locations)


@pytest.mark.parametrize(("field", "level"), [("transfer_level", 2), ("output_block", 1)])
def test_segmenters_have_no_levels_or_blocks(locations, field, level):
    ref = BackboneRef(card="clipseg_twin", weights="twin", **{field: level})
    with pytest.raises(ConfigError, match=field):
        weights_status(ref, locations)


def test_a_missing_package_is_named_before_anything_runs(locations, monkeypatch):
    found = weights.find_spec
    monkeypatch.setattr(
        weights, "find_spec", lambda n: None if n == "segmentation_models_pytorch" else found(n)
    )
    status = weights_status(BackboneRef(card="unet_twin", weights="twin"), locations)
    assert not status.present
    assert "xenograft[segmentation]" in status.reason


def test_another_curriculum_is_another_set_of_weights(locations, monkeypatch):
    ref = BackboneRef(card="cris_twin", weights="twin")
    before = weights_status(ref, locations).digest
    longer = dataclasses.replace(segmenter_twin_recipe.CURRICULUM, pictures=41)
    monkeypatch.setattr(segmenter_twin_recipe, "CURRICULUM", longer)
    assert weights_status(ref, locations).digest != before


def test_twins_that_are_taught_have_distinct_digests(locations):
    refs = [BackboneRef(card=name, weights="twin") for name in ("clipseg_twin", "cris_twin")]
    assert len({weights_status(ref, locations).digest for ref in refs}) == 2
