"""CLIP without training, fine-tuned against texts, and under a linear layer."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from clip_setting import BIOMED, CLIP, NAMES, batches_of, method_of
from torch.nn import functional

from trainables.config import BackboneRef
from trainables.engine.loop import set_training_mode
from trainables.errors import ConfigError
from trainables.generalisation.config import LossConfig, MethodConfig
from trainables.generalisation.text_config import PromptConfig, TextConfig
from trainables.models.cards import get_backbone_card
from trainables.models.clip_images import ClipImages
from trainables.models.clip_text import create_clip_text
from trainables.models.factory import create_backbone
from trainables.models.open_clip_backbone import build, build_clip
from trainables.models.text_cards import TEXT_CARDS

SENTENCES = [f"a photo of a {name}" for name in NAMES]


def test_zero_shot_is_the_library_s_own_pair_of_towers(shared_locations):
    method = method_of("zero_shot", shared_locations, prompt=None)
    twin = get_backbone_card(CLIP.card)
    clip = build_clip(twin, 32).eval()
    clip.visual.load_state_dict(method.images.backbone.trunk.state_dict(), strict=False)
    clip.visual.proj.data = method.images.projection_ed.data
    x_nchw = batches_of(0)[0].x_nchw
    with torch.no_grad():
        z_nd = functional.normalize(clip.encode_image(x_nchw), dim=-1)
        t_kd = method.texts()
        expected_nk = z_nd @ t_kd.T / 0.07  # where the training of a temperature starts
        assert torch.allclose(method(x_nchw), expected_nk, atol=1e-4)
    assert method.trained_parameters() == []


def test_texts_are_those_of_the_tower_of_the_same_weights(shared_locations):
    ref = BackboneRef(card=CLIP.card, weights="twin")
    method = method_of("zero_shot", shared_locations, backbone=ref)
    text = create_clip_text(ref, shared_locations, seed=0)
    assert torch.equal(method.texts(), text.encode_texts(SENTENCES))
    assert method.temperature == pytest.approx(1 / 0.07)


def test_naive_clip_trains_the_whole_image_tower_and_nothing_else(shared_locations):
    method = method_of("naive_clip", shared_locations)
    set_training_mode(method)
    torch.autograd.backward(method.loss(batches_of(0)))
    trained = method.trained_parameters()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trained)
    tower = create_backbone(CLIP, shared_locations, seed=0, image_size_px=32)
    assert sum(p.numel() for p in trained) == sum(p.numel() for p in tower.parameters())
    assert {name.split(".")[0] for name, _ in method.named_parameters()} == {"images"}


def test_naive_clip_lowers_the_loss_it_is_given(shared_locations):
    loss = LossConfig(name="focal", focal_gamma=2.0)
    method = method_of("naive_clip", shared_locations, loss=loss)
    batches = batches_of(0)
    logits_nk = method(torch.cat([b.x_nchw for b in batches]))
    labels = torch.cat([b.labels for b in batches])
    p_n = logits_nk.softmax(dim=1)[torch.arange(len(labels)), labels]
    assert torch.allclose(method.loss(batches), (-((1 - p_n) ** 2) * p_n.log()).mean(), atol=1e-5)


@pytest.mark.parametrize("encoder", ["biobert_twin", "biobert_squad_twin", "bio_clinicalbert_twin"])
def test_unprojected_texts_meet_pictures_before_their_projection(encoder, shared_locations):
    method = method_of("naive_clip", shared_locations, encoder=encoder)
    x_nchw = batches_of(0)[0].x_nchw
    pooled_ne = method.images.pooled(x_nchw)
    expected_nk = functional.normalize(pooled_ne, dim=-1) @ method.texts().T / 0.07
    assert torch.allclose(method(x_nchw), expected_nk, atol=1e-5)
    assert method.images.projection_ed is None
    set_training_mode(method)
    torch.autograd.backward(method.loss(batches_of(0)))
    assert all(p.grad is not None for p in method.trained_parameters())


def test_biomed_clip_s_pictures_meet_its_own_texts_behind_the_projection(shared_locations):
    method = method_of(
        "naive_clip", shared_locations, backbone=BIOMED, encoder="biomed_clip_text_twin"
    )
    assert method.images.projection_ed.shape == (96, 64)
    set_training_mode(method)
    torch.autograd.backward(method.loss(batches_of(0)))
    assert all(p.grad is not None for p in method.trained_parameters())


@pytest.mark.parametrize(
    ("name", "trains_all"), [("linear_probe_clip_v", False), ("clip_v_finetune", True)]
)
def test_a_linear_layer_reads_the_class_token_before_the_projection(
    name, trains_all, shared_locations
):
    method = method_of(name, shared_locations)
    head = method.network.head
    assert (head.in_features, head.out_features) == (96, 5)
    set_training_mode(method)
    torch.autograd.backward(method.loss(batches_of(0)))
    trained = method.trained_parameters()
    assert all(p.grad is not None for p in trained)
    layer = 96 * 5 + 5
    tower = sum(p.numel() for p in method.network.backbone.parameters())
    assert sum(p.numel() for p in trained) == layer + (tower if trains_all else 0)
    x_nchw = batches_of(1)[0].x_nchw
    method.eval()
    trunk = method.network.backbone.trunk
    expected_nk = head(trunk(x_nchw))
    assert trunk.proj is None
    assert torch.allclose(method(x_nchw), expected_nk, atol=1e-5)


def test_the_published_visual_encoder_has_its_published_size():
    with torch.device("meta"):
        images = ClipImages(build(get_backbone_card("clip_vit_b16"), 224), projected=True)
    assert sum(p.numel() for p in images.parameters()) == 86_192_640
    assert (images.pooled_dim, images.dim) == (768, 512)
    assert images.projection_ed.numel() == 393_216


def test_texts_of_another_width_are_refused(shared_locations, monkeypatch):
    twin = TEXT_CARDS["biobert_twin"]
    narrow = dataclasses.replace(twin, bert={**twin.bert, "hidden_size": 48}, dim=48)
    for module in ("text_cards", "weights"):
        cards = {**TEXT_CARDS, "biobert_twin": narrow}
        monkeypatch.setattr(f"trainables.models.{module}.TEXT_CARDS", cards)
    for name in ("naive_clip", "biobert_prompt"):
        with pytest.raises(ConfigError, match=r"'biobert_twin' have width 48, pictures of .* 96"):
            method_of(name, shared_locations, encoder="biobert_twin")


@pytest.mark.parametrize(
    ("name", "card", "encoder", "prompt", "words"),
    [
        ("zero_shot", "deit_s", None, {}, "needs a backbone of CLIP's kind, not 'deit_s'"),
        ("linear_probe_clip_v", "resnet50", None, {}, "needs a backbone of CLIP's kind"),
        ("zero_shot", "biomed_clip", None, {}, "set text.encoder to its text card"),
        ("coop", "clip_vit_b16", "biobert", {}, "between CLIP's words: no text.encoder"),
        ("coop_lvt", "clip_vit_b16", "biobert", {"placement": "before_end"}, "no text.encoder"),
        ("biobert_prompt", "clip_vit_b16", None, {}, "needs text.encoder with a pooler"),
        ("biobert_prompt", "clip_vit_b16", "minilm", {}, "needs text.encoder with a pooler"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_built(
    name, card, encoder, prompt, words
):
    with pytest.raises(ConfigError, match=words):
        MethodConfig(
            name=name,
            backbone=BackboneRef(card=card),
            text=TextConfig(encoder=encoder and BackboneRef(card=encoder, weights="x")),
            prompt=PromptConfig(**prompt),
        )


def test_sentences_name_every_class_of_the_data():
    text = TextConfig(class_names=("no", "yes"), template="{} case")
    assert text.sentences(("0", "1")) == ["no case", "yes case"]
    assert TextConfig().sentences(("cat",)) == ["a photo of a cat"]
    with pytest.raises(ConfigError, match="has 2 names for the 3 classes"):
        text.sentences(("0", "1", "2"))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (lambda: TextConfig(template="a photo"), "must hold {} once"),
        (lambda: PromptConfig(tokens=0), "prompt.tokens must be >= 1"),
        (lambda: PromptConfig(layers=2), "prompt.layers must be one of"),
        (lambda: PromptConfig(placement="after"), "prompt.placement must be one of"),
        (lambda: PromptConfig(bert_order="last"), "prompt.bert_order must be one of"),
    ],
)
def test_values_out_of_range_are_refused(config, words):
    with pytest.raises(ConfigError, match=words):
        config()
