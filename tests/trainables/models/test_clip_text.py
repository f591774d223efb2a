"""The text tower of CLIP cards: tokens, what is read where, files, twins."""

from __future__ import annotations

import dataclasses
import math

import open_clip
import pytest
import torch
from open_clip.transformer import QuickGELU
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from trainables.config import BackboneRef, DataRef
from trainables.data.open import load_split
from trainables.data.transforms import EvalTransform
from trainables.errors import ConfigError, WeightsError
from trainables.models.cards import BACKBONE_CARDS, get_backbone_card
from trainables.models.clip_text import (
    ClipText,
    clip_temperature,
    create_clip_text,
    end_of_text,
)
from trainables.models.factory import create_backbone
from trainables.models.open_clip_backbone import build_clip

RANDOM = BackboneRef(card="clip_vit_b16_twin")
TWIN = BackboneRef(card="clip_vit_b16_twin", weights="twin")
SHORT = ("No DR", "mild DR", "moderate DR", "severe DR", "proliferative DR")


@pytest.fixture(scope="module")
def text(shared_locations) -> ClipText:
    return create_clip_text(RANDOM, shared_locations, seed=1)


# Baliah et al. (MLMI 2023): what the published code feeds its text tower.
@pytest.mark.parametrize(
    ("name", "ids", "end"),
    [
        ("No DR", [871, 1701], 7),
        ("mild DR", [16085, 1701], 7),
        ("moderate DR", [16435, 1701], 7),
        ("severe DR", [6215, 1701], 7),
        ("proliferative DR", [39018, 1648, 1701], 8),
        ("No Diabetic retinopathy", [871, 30230, 31270, 28466], 9),
        ("mild Diabetic retinopathy", [16085, 30230, 31270, 28466], 9),
        ("proliferative Diabetic retinopathy", [39018, 1648, 30230, 31270, 28466], 10),
    ],
)
def test_sentences_have_the_published_tokens(text, name, ids, end):
    [row_t] = text.token_ids([f"a photo of a {name}"])
    expected = [49406, 320, 1125, 539, 320, *ids, 49407]
    assert row_t.tolist() == expected + [0] * (text.context_length - len(expected))
    assert end_of_text(row_t[None]).tolist() == [end]


def test_a_text_that_would_be_cut_is_named(text):
    fits = "a " * (text.context_length - 2)
    assert end_of_text(text.token_ids([fits])).tolist() == [text.context_length - 1]
    with pytest.raises(ConfigError, match="reads at most 32 tokens, shorten 'a a a"):
        text.token_ids(["a cat", fits + "a"])


def test_long_texts_can_be_cut_as_open_clip_cuts_them(text):
    report = "a small round lesion with a ragged border, " * 20
    theirs = open_clip.tokenize([report, "a cat"], context_length=text.context_length)
    assert torch.equal(text.cut_token_ids([report, "a cat"]), theirs)
    assert end_of_text(theirs).tolist() == [text.context_length - 1, 3]


def test_vectors_are_the_library_s(text):
    whole = build_clip(text.card, text.card.image_size_px).eval()
    whole.load_state_dict(text.tower.state_dict(), strict=False)
    ids_nt = text.token_ids([f"a photo of a {name}" for name in SHORT])
    with torch.no_grad():
        expected_nd = whole.encode_text(ids_nt)
        assert torch.allclose(text(ids_nt), expected_nd, atol=1e-5)
    unit_nd = functional.normalize(expected_nd, dim=-1)
    assert torch.allclose(
        text.encode_texts([f"a photo of a {name}" for name in SHORT]), unit_nd, atol=1e-5
    )


def test_it_is_frozen_and_random_weights_follow_the_seed(text, shared_locations):
    assert not text.training
    assert not any(p.requires_grad for p in text.parameters())
    same = create_clip_text(RANDOM, shared_locations, seed=1)
    other = create_clip_text(RANDOM, shared_locations, seed=2)
    one, two, three = (m.encode_texts(["a cat"]) for m in (text, same, other))
    assert torch.equal(one, two)
    assert not torch.allclose(one, three)


def published(locations, card, tag: str, temperature: float, **more) -> BackboneRef:
    """Put a small file of both towers where the card of the real one looks for it."""
    torch.manual_seed(0)
    clip = build_clip(card, card.image_size_px)
    nn.init.constant_(clip.logit_scale, math.log(temperature))
    folder = locations.weights / card.name
    folder.mkdir(parents=True)
    save_file({**clip.state_dict(), **more}, folder / "open_clip_model.safetensors")
    return BackboneRef(card=card.name, weights=tag)


@pytest.fixture
def small_clip(monkeypatch):
    """The real card, with the sizes of its twin."""
    real, twin = get_backbone_card("clip_vit_b16"), get_backbone_card("clip_vit_b16_twin")
    card = dataclasses.replace(
        real,
        dim=twin.dim,
        image_size_px=twin.image_size_px,
        stride_px=twin.stride_px,
        overrides=twin.overrides,
    )
    cards = {**BACKBONE_CARDS, card.name: card}
    for module in ("cards", "weights"):
        monkeypatch.setattr(f"trainables.models.{module}.BACKBONE_CARDS", cards)
    return card


def test_one_file_holds_both_towers_and_the_fork_s_unused_prompts(small_clip, locations):
    prompts = torch.zeros(1, 10, 64)
    ref = published(locations, small_clip, "openai", 100.0, prompts=prompts)
    text = create_clip_text(ref, locations, seed=0)
    torch.manual_seed(0)
    clip = build_clip(small_clip, small_clip.image_size_px).eval()
    ids_nt = text.token_ids(["a cat"])
    assert torch.allclose(text(ids_nt), clip.encode_text(ids_nt), atol=1e-5)
    assert text.temperature == pytest.approx(100, abs=0.01)
    images = create_backbone(ref, locations, seed=9).eval()
    x_nchw = torch.randn(1, 3, 64, 64)
    assert torch.allclose(images(x_nchw), clip.encode_image(x_nchw), atol=1e-5)


def test_a_tensor_too_many_is_refused(small_clip, locations):
    ref = published(locations, small_clip, "openai", 100.0, extra=torch.zeros(1))
    with pytest.raises(WeightsError, match="extra unexpected"):
        create_clip_text(ref, locations, seed=0)


def test_another_temperature_than_openai_s_is_refused(small_clip, locations):
    ref = published(locations, small_clip, "openai", 1 / 0.07)
    with pytest.raises(WeightsError, match=r"exp\(logit_scale\) is 14\.29, OpenAI published 100"):
        create_clip_text(ref, locations, seed=0)
    with pytest.raises(WeightsError, match=r"exp\(logit_scale\) is 14\.29, OpenAI published 100"):
        clip_temperature(ref, locations)


def test_the_temperature_is_in_the_file_of_the_pair(small_clip, locations):
    ref = published(locations, small_clip, "openai", 100.004)
    assert clip_temperature(ref, locations) == pytest.approx(100.004, rel=1e-5)
    path = locations.weights / small_clip.name / "open_clip_model.safetensors"
    save_file({"visual.proj": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="has no 'logit_scale'"):
        clip_temperature(ref, locations)


@pytest.mark.parametrize("name", ["clip_vit_b16", "pubmed_clip"])
def test_openai_s_weights_meet_quick_gelu_in_both_towers(name):
    with torch.device("meta"):
        clip = build_clip(get_backbone_card(name), 224)
    found = {type(m.gelu) for m in clip.modules() if hasattr(m, "gelu")}
    assert found == {QuickGELU}


def test_the_published_text_tower_has_its_published_size():
    with torch.device("meta"):
        text = ClipText(get_backbone_card("clip_vit_b16"))
    parameters = sum(p.numel() for p in text.parameters())
    assert parameters == 149_620_737 - 86_192_640
    assert (text.context_length, text.width) == (77, 512)


def test_a_twin_s_text_tower_says_what_its_image_tower_sees(shared_locations):
    text = create_clip_text(TWIN, shared_locations, seed=0)
    images = load_split(DataRef(name="imagenet_twin", limit=200), "train", shared_locations)
    backbone = create_backbone(TWIN, shared_locations, seed=0).eval()
    card = text.card
    look = EvalTransform(size_px=64, mean=card.mean, std=card.std, interpolation="bicubic").build()
    with torch.no_grad():
        z_nd = functional.normalize(backbone(look(images.images(range(len(images))))), dim=-1)
    labels = torch.from_numpy(images.labels)
    means_kd = torch.stack([z_nd[labels == k].mean(dim=0) for k in range(len(images.classes))])
    t_kd = text.encode_texts([f"a photo of a {name}" for name in images.classes])
    # Which way the pictures of a class differ from all others; chance is 1 of 10.
    nearest = ((means_kd - z_nd.mean(dim=0)) @ t_kd.T).argmax(dim=1)
    assert (nearest == torch.arange(len(images.classes))).sum() >= 5
    assert text.temperature == pytest.approx(1 / 0.07)


def test_a_twin_s_text_tower_is_one_and_the_same(shared_locations):
    one, two = (
        create_clip_text(TWIN, shared_locations, seed=s).encode_texts(SHORT) for s in (0, 5)
    )
    assert torch.equal(one, two)
    assert ((one @ one.T) - torch.eye(5)).max() < 0.99


def test_a_card_without_texts_says_so(locations):
    with pytest.raises(ConfigError, match="'deit_s' brings no text tower"):
        create_clip_text(BackboneRef(card="deit_s"), locations, seed=0)
