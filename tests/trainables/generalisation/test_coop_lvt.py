"""CoOpLVT: what the published code's learned tokens do not do, and what they do elsewhere."""

from __future__ import annotations

import pytest
import torch
from clip_setting import CLIP, NAMES, K, batches_of, method_of
from torch.nn import functional

from trainables.engine.loop import set_training_mode
from trainables.errors import ConfigError
from trainables.generalisation.contrastive import pair_contrastive
from trainables.generalisation.coop_lvt import Conditioner, encode_appended, encode_inserted
from trainables.generalisation.text_config import PromptConfig
from trainables.models.clip_text import ClipText, create_clip_text, end_of_text

ACTIVE = PromptConfig(placement="before_end")


@pytest.fixture(scope="module")
def text(shared_locations) -> ClipText:
    return create_clip_text(CLIP, shared_locations, seed=1)


@pytest.fixture(scope="module")
def ids_kt(text):
    return text.token_ids([f"a photo of a {name}" for name in NAMES])


@pytest.mark.parametrize("tokens", [4, 8])
def test_appended_tokens_are_inert(text, ids_kt, tokens):
    conditioner = Conditioner(12, text.width, tokens=tokens, layers=3, seed=0)
    pooled_ne = torch.randn(2, 12, generator=torch.Generator().manual_seed(0)).requires_grad_()
    made_nvd = conditioner(pooled_ne)
    assert not torch.equal(made_nvd[0], made_nvd[1])
    one, two = (encode_appended(text, ids_kt, made.expand(K, -1, -1)) for made in made_nvd)
    assert torch.equal(one, two)
    # The shorter way leaves places out, so sums may round differently: equal to 1e-6.
    assert torch.allclose(one, text(ids_kt), atol=1e-6)
    torch.autograd.backward((one + two).pow(2).sum())
    assert pooled_ne.grad is not None
    for gradient in (pooled_ne.grad, *(p.grad for p in conditioner.parameters())):
        assert torch.count_nonzero(gradient) == 0


def test_inserted_tokens_are_seen(text, ids_kt):
    made_nvd = torch.randn(2, 4, text.width, generator=torch.Generator().manual_seed(0))
    one, two = (encode_inserted(text, ids_kt, made.expand(K, -1, -1)) for made in made_nvd)
    assert (functional.cosine_similarity(one, two) < 0.999).all()
    assert (functional.cosine_similarity(one, text(ids_kt)) < 0.999).all()


def test_no_inserted_token_is_plain_clip(text, ids_kt):
    none_kvd = torch.empty(K, 0, text.width)
    assert torch.allclose(encode_inserted(text, ids_kt, none_kvd), text(ids_kt), atol=1e-6)


def test_inserted_tokens_are_the_sentence_with_these_words_before_its_end(text, ids_kt):
    """Give the tower the words themselves: vectors of real words must read as these words do."""
    extra = text.token_ids(["blurred picture"])[0, 1:3]
    longer = []
    for row_t, end in zip(ids_kt, end_of_text(ids_kt), strict=True):
        parts = [row_t[:end], extra, row_t[end:]]
        longer.append(torch.cat(parts)[: text.context_length])
    made_kvd = text.embed_ids(extra).expand(K, -1, -1)
    expected_kd = text(torch.stack(longer))
    assert torch.allclose(encode_inserted(text, ids_kt, made_kvd), expected_kd, atol=1e-5)


def test_more_tokens_than_places_are_refused(text, ids_kt):
    room = text.context_length - int(end_of_text(ids_kt).max()) - 1
    encode_inserted(text, ids_kt, torch.zeros(K, room, text.width))
    with pytest.raises(ConfigError, match=r"32 places .* 33 are needed: lower prompt\.tokens"):
        encode_inserted(text, ids_kt, torch.zeros(K, room + 1, text.width))


@pytest.mark.parametrize(
    ("tokens", "layers", "params"), [(4, 3, 3_477_248), (4, 1, 1_574_912), (8, 3, 5_576_448)]
)
def test_conditioners_have_their_published_sizes(tokens, layers, params):
    with torch.device("meta"):
        conditioner = Conditioner(768, 512, tokens=tokens, layers=layers, seed=0)
        assert conditioner(torch.empty(2, 768)).shape == (2, tokens, 512)
    assert sum(p.numel() for p in conditioner.parameters()) == params


def test_published_loss_is_that_of_all_pairs_of_the_batch(shared_locations):
    method = method_of("coop_lvt", shared_locations)
    batches = batches_of(0)
    z_nd = method.images(torch.cat([b.x_nchw for b in batches]))
    texts_nd = method.texts()[torch.cat([b.labels for b in batches])]
    expected = pair_contrastive(z_nd, texts_nd, method.temperature)
    assert method.loss(batches).item() == pytest.approx(expected.item(), rel=1e-5)


def test_published_variants_are_one_function(shared_locations):
    x_nchw = batches_of(0)[0].x_nchw
    naive = method_of("naive_clip", shared_locations)(x_nchw)
    for prompt in (PromptConfig(), PromptConfig(layers=1), PromptConfig(tokens=8)):
        assert torch.equal(method_of("coop_lvt", shared_locations, prompt=prompt)(x_nchw), naive)


def test_published_prompt_only_has_nothing_to_train(shared_locations):
    method = method_of("coop_lvt_prompt_only", shared_locations)
    assert method.trained_parameters() == []
    x_nchw = batches_of(0)[0].x_nchw
    assert torch.equal(method(x_nchw), method_of("zero_shot", shared_locations)(x_nchw))


def test_active_training_reaches_image_tower_and_conditioner(shared_locations):
    method = method_of("coop_lvt", shared_locations, prompt=ACTIVE)
    set_training_mode(method)
    torch.autograd.backward(method.loss(batches_of(0)))
    for name, parameter in method.named_parameters():
        assert torch.count_nonzero(parameter.grad) > 0, name
    assert all(parameter.grad is None for parameter in method.text.module.parameters())


def test_active_scores_are_those_of_one_picture_and_class_at_a_time(shared_locations):
    method = method_of("coop_lvt", shared_locations, prompt=ACTIVE).eval()
    x_nchw = batches_of(0)[0].x_nchw
    logits_nk = method(x_nchw)
    for i in (0, 3):
        pooled_1e = method.images.pooled(x_nchw[i : i + 1])
        for k in (0, 4):
            u_1d = encode_inserted(
                method.text.module, method.ids_kt[k : k + 1], method.conditioner(pooled_1e)
            )
            cosine = functional.cosine_similarity(u_1d, method.images.unit(pooled_1e))
            expected = method.temperature * cosine
            assert torch.allclose(logits_nk[i, k], expected[0], atol=1e-4)


def test_active_prompt_only_trains_the_conditioner(shared_locations):
    method = method_of("coop_lvt_prompt_only", shared_locations, prompt=ACTIVE)
    set_training_mode(method)
    torch.autograd.backward(method.loss(batches_of(0)))
    trained = {name.split(".")[0] for name, p in method.named_parameters() if p.requires_grad}
    assert trained == {"conditioner"}
    assert all(torch.count_nonzero(p.grad) > 0 for p in method.trained_parameters())


def test_the_frozen_text_tower_moves_with_the_method_and_is_none_of_its_state(shared_locations):
    method = method_of("coop_lvt", shared_locations, prompt=ACTIVE)
    assert {name.split(".")[0] for name in method.state_dict()} == {"images", "conditioner"}
    method.train().double()
    assert not method.text.module.training
    assert all(p.dtype == torch.float64 for p in method.text.module.parameters())
    assert method(batches_of(0)[0].x_nchw.double()).dtype == torch.float64
