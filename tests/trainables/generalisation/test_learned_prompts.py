"""Learned vectors among the words of a BERT, and in the place of a template (CoOp, CoCoOp)."""

from __future__ import annotations

import pytest
import torch
from clip_setting import CLIP, NAMES, K, batches_of, method_of
from torch import nn
from torch.nn import functional

from trainables.config import BackboneRef
from trainables.engine.loop import set_training_mode
from trainables.generalisation.biobert_methods import PromptedBert
from trainables.generalisation.prompt_learning import ContextTexts
from trainables.generalisation.text_config import PromptConfig
from trainables.models.clip_text import create_clip_text
from trainables.models.text import create_text_encoder

SENTENCES = [f"a photo of a {name}" for name in NAMES]


@pytest.fixture(scope="module")
def encoder(shared_locations):
    ref = BackboneRef(card="biobert_twin", weights="twin")
    return create_text_encoder(ref, shared_locations)


def prompted(encoder, order: str, sentences=SENTENCES) -> PromptedBert:
    return PromptedBert(encoder, sentences, count=3, order=order, seed=0)


def test_after_cls_reads_as_real_words_do(encoder):
    """The vectors of three letters in the place of the learned ones must spell a word."""
    texts = prompted(encoder, "after_cls")
    word = encoder.tokens(["xyz"])["input_ids"][0, 1:-1]
    with torch.no_grad():
        texts.prompts_vd.copy_(encoder.model.transformer.embeddings.word_embeddings(word))
    expected_kd = encoder.encode_texts([f"xyz {sentence}" for sentence in SENTENCES])
    assert torch.allclose(texts(), expected_kd, atol=1e-5)


def test_padding_is_read_in_the_published_order_only(encoder):
    for order, reads_padding in (("after_cls", False), ("before_cls", True)):
        together = prompted(encoder, order)()
        alone = prompted(encoder, order, SENTENCES[:1])()
        assert torch.allclose(together[:1], alone, atol=1e-5) != reads_padding


def test_the_published_order_is_that_of_its_embeddings(encoder):
    """Positions over all, segments under words only, no mask, the first output through tanh."""
    texts = prompted(encoder, "before_cls")
    bert = encoder.model.transformer
    parts = bert.embeddings
    ids_kt = encoder.tokens(SENTENCES)["input_ids"]
    words_ktd = parts.word_embeddings(ids_kt) + parts.token_type_embeddings.weight[0]
    x_ktd = torch.cat([texts.prompts_vd.expand(K, -1, -1), words_ktd], dim=1)
    x_ktd = parts.LayerNorm(x_ktd + parts.position_embeddings.weight[: x_ktd.shape[1]])
    last_ktd = bert.encoder(x_ktd).last_hidden_state
    expected_kd = torch.tanh(bert.pooler.dense(last_ktd[:, 0]))
    assert torch.allclose(texts(), functional.normalize(expected_kd, dim=-1), atol=1e-5)


@pytest.mark.parametrize("order", ["after_cls", "before_cls"])
def test_biobert_prompt_trains_vectors_and_image_tower(order, shared_locations):
    prompt = PromptConfig(tokens=3, bert_order=order)
    method = method_of("biobert_prompt", shared_locations, encoder="biobert_twin", prompt=prompt)
    set_training_mode(method)
    torch.autograd.backward(method.loss(batches_of(0)))
    trained = {name.split(".")[0] for name, p in method.named_parameters() if p.requires_grad}
    assert trained == {"images", "texts"}
    assert all(torch.count_nonzero(p.grad) > 0 for p in method.trained_parameters())
    assert method.texts.prompts_vd.shape == (3, 96)
    # Dropout in a frozen BERT would make its texts another lottery at each step.
    assert torch.equal(method.texts(), method.texts())


def test_learned_context_reads_as_the_words_it_holds(shared_locations):
    text = create_clip_text(CLIP, shared_locations, seed=1)
    texts = ContextTexts(text, NAMES, count=4, seed=0)
    words = text.token_ids(["a photo of a"])[:, 1:5]
    with torch.no_grad():
        texts.context_vd.copy_(text.embed_ids(words)[0])
    expected_kd = text.encode_texts([f"a photo of a {name}." for name in NAMES])
    assert torch.allclose(texts(), expected_kd, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "trained"), [("coop", {"texts.context_vd"}), ("cocoop", {"texts.context_vd", "shift"})]
)
def test_prompt_learning_trains_what_it_learns_only(name, trained, shared_locations):
    method = method_of(name, shared_locations)
    set_training_mode(method)
    torch.autograd.backward(method.loss(batches_of(0)))
    names = {n for n, p in method.named_parameters() if p.requires_grad}
    assert {n if n.startswith("texts") else n.split(".")[0] for n in names} == trained
    assert all(p.grad is not None for p in method.trained_parameters())
    assert torch.count_nonzero(method.texts.context_vd.grad) > 0
    assert method.eval()(batches_of(1)[0].x_nchw).shape == (4, K)


def test_cocoop_without_a_shift_is_coop(shared_locations):
    coop = method_of("coop", shared_locations)
    cocoop = method_of("cocoop", shared_locations)
    x_nchw = batches_of(0)[0].x_nchw
    assert not torch.allclose(cocoop(x_nchw), coop(x_nchw), atol=1e-4)
    for parameter in cocoop.shift.parameters():
        nn.init.zeros_(parameter)
    assert torch.allclose(cocoop(x_nchw), coop(x_nchw), atol=1e-4)
