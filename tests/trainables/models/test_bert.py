"""Published files of BERT encoders, in small: names, heads, poolers, tokenizers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertModel,
    MPNetConfig,
    MPNetModel,
)

from trainables.config import BackboneRef
from trainables.errors import ConfigError, WeightsError
from trainables.models.bert import BertEncoder, load_bert
from trainables.models.text import SentenceEncoder, create_text_encoder
from trainables.models.text_cards import (
    BIO_CLINICALBERT,
    BIOBERT,
    BIOBERT_SQUAD,
    BIOMED_CLIP_TEXT,
    MPNET,
    TEXT_CARDS,
)
from trainables.models.weights import fetch_weights, weights_status

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "no", "mild", "dr", "No", "DR"]
SMALL = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 20,
    "initializer_range": 0.3,
}
TEXTS = ["No DR", "mild DR DR"]


def small(card):
    projection = (12, 8) if card.projection else ()
    dim = 8 if card.projection else 16
    return dataclasses.replace(card, bert=SMALL, dim=dim, projection=projection)


def published(folder: Path, card, state: dict[str, Tensor]) -> Path:
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    path = folder / card.sources[0].basename
    torch.save(state, path)
    return path


def ids(*texts: str, lowercase: bool) -> Tensor:
    """Tokenise by hand: every word is in the list."""
    rows = [[2, *(WORDS.index(w.lower() if lowercase else w) for w in t.split()), 3] for t in texts]
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


def test_a_pretraining_file_gives_what_the_library_s_pooler_gives(tmp_path):
    torch.manual_seed(0)
    whole = BertForPreTraining(BertConfig(**SMALL)).eval()
    state = dict(whole.state_dict())
    state["bert.embeddings.position_ids"] = torch.arange(20)[None]
    card = small(BIO_CLINICALBERT)
    path = published(tmp_path, card, state)
    encoder = SentenceEncoder(card, *load_bert(card, card.sources[0], path))
    # One text at a time, as the published code does: nothing is padded.
    for text in TEXTS:
        with torch.no_grad():
            pooled_nd = whole.bert(ids(text, lowercase=False)).pooler_output
        expected_nd = functional.normalize(pooled_nd, dim=-1)
        assert torch.allclose(encoder.encode_texts([text]), expected_nd, atol=1e-6)
        assert torch.allclose(
            encoder.encode_texts(TEXTS)[TEXTS.index(text)], expected_nd[0], atol=1e-5
        )


def test_names_of_early_conversions_are_understood(tmp_path):
    torch.manual_seed(0)
    bare = BertModel(BertConfig(**SMALL)).eval()
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): t
        for name, t in bare.state_dict().items()
    }
    card = small(BIOBERT)
    _, encoder = load_bert(card, card.sources[0], published(tmp_path, card, old))
    for name, tensor in bare.state_dict().items():
        assert torch.equal(encoder.transformer.state_dict()[name], tensor), name


def test_a_question_answering_file_without_a_pooler_is_refused(tmp_path):
    state = dict(BertForQuestionAnswering(BertConfig(**SMALL)).state_dict())
    card = small(BIOBERT_SQUAD)
    path = published(tmp_path, card, state)
    with pytest.raises(WeightsError, match=r"has no pooler .*'biobert_squad'.*-squad on the hub"):
        load_bert(card, card.sources[0], path)


def test_a_missing_layer_is_named(tmp_path):
    state = dict(BertModel(BertConfig(**SMALL)).state_dict())
    del state["encoder.layer.1.output.dense.bias"]
    card = small(BIOBERT)
    path = published(tmp_path, card, state)
    with pytest.raises(WeightsError, match=r"layer\.1\.output\.dense\.bias missing"):
        load_bert(card, card.sources[0], path)


def test_biomed_clip_s_file_gives_the_projected_first_token(tmp_path):
    torch.manual_seed(0)
    bare = BertModel(BertConfig(**SMALL), add_pooling_layer=False).eval()
    inner_dh, outer_hd = torch.randn(12, 16), torch.randn(8, 12)
    state = {f"text.transformer.{name}": t for name, t in bare.state_dict().items()}
    state |= {"text.proj.0.weight": inner_dh, "text.proj.2.weight": outer_hd}
    state |= {"visual.trunk.norm.weight": torch.ones(3), "logit_scale": torch.tensor(4.0)}
    card = small(BIOMED_CLIP_TEXT)
    encoder = SentenceEncoder(
        card, *load_bert(card, card.sources[0], published(tmp_path, card, state))
    )
    with torch.no_grad():
        first_nd = bare(ids("No DR", lowercase=True)).last_hidden_state[:, 0]
        expected_nd = functional.gelu(first_nd @ inner_dh.T) @ outer_hd.T
    assert torch.allclose(
        encoder.encode_texts(["No DR"]), functional.normalize(expected_nd, dim=-1), atol=1e-5
    )


def test_an_mpnet_file_gives_the_mean_of_its_last_layer_over_real_tokens(tmp_path):
    torch.manual_seed(0)
    words = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "no", "mild", "dr", "<mask>"]
    sizes = {**SMALL, "vocab_size": len(words), "max_position_embeddings": 22}
    whole = MPNetModel(MPNetConfig(**sizes)).eval()
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    path = tmp_path / "model.safetensors"
    # The published file has the pooler, and a buffer that the library no longer keeps.
    state = {name: t.contiguous() for name, t in whole.state_dict().items()}
    save_file(state | {"embeddings.position_ids": torch.arange(22)[None]}, path)
    card = dataclasses.replace(MPNET, bert=sizes, dim=16)
    encoder = SentenceEncoder(card, *load_bert(card, card.sources[0], path))
    vectors_nd = encoder.encode_texts(["No DR", "mild unheard dr dr"])
    for text, vector_d in zip(([0, 5, 7, 2], [0, 6, 4, 7, 7, 2]), vectors_nd, strict=True):
        with torch.no_grad():
            last_td = whole(torch.tensor([text])).last_hidden_state[0]
        expected_d = functional.normalize(last_td.mean(dim=0), dim=0)
        assert torch.allclose(vector_d, expected_d, atol=1e-5)


@pytest.mark.parametrize(
    ("card", "params"),
    # BERT-base without its embeddings of words: 86,064,384 in 12 layers of 7,087,872 and the rest,
    # written out: positions 512, segments 2, one norm, and the pooler where there is one.
    [
        (BIOBERT, 28996 * 768 + (512 + 2 + 2) * 768 + 12 * 7_087_872 + 590_592),
        # MPNet has no segments, and 32 relative positions for each of 12 heads.
        (MPNET, 30527 * 768 + (514 + 2) * 768 + 12 * 7_087_872 + 32 * 12),
        (BIOMED_CLIP_TEXT, 30522 * 768 + 516 * 768 + 12 * 7_087_872 + 768 * 640 + 640 * 512),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_full_sizes_on_paper(card, params):
    with torch.device("meta"):
        encoder = BertEncoder(card)
    assert sum(p.numel() for p in encoder.parameters()) == params
    assert params / 1e6 == pytest.approx(card.params_m, abs=0.06)


@pytest.mark.parametrize(
    "card", [c for c in TEXT_CARDS.values() if c.is_twin], ids=lambda c: c.name
)
def test_twins_tell_texts_apart_and_are_the_same_every_time(card, locations):
    ref = BackboneRef(card=card.name, weights="twin")
    texts = ["a photo of a No DR", "a photo of a mild DR", "a photo of a severe DR"]
    vectors_nd = create_text_encoder(ref, locations).encode_texts(texts)
    assert vectors_nd.shape == (3, card.dim)
    cosines_nn = vectors_nd @ vectors_nd.T
    assert torch.allclose(cosines_nn.diag(), torch.ones(3), atol=1e-5)
    assert (cosines_nn - torch.eye(3)).max() < 0.97
    assert torch.equal(create_text_encoder(ref, locations).encode_texts(texts), vectors_nd)


def test_every_real_text_card_has_a_twin_of_the_same_kind():
    real = [card for card in TEXT_CARDS.values() if not card.is_twin]
    assert real
    for card in real:
        twin = TEXT_CARDS[card.twin]
        assert twin.is_twin
        assert (twin.pooling, twin.lowercase) == (card.pooling, card.lowercase)


def test_twins_have_identities_of_their_own(locations):
    twins = [card.name for card in TEXT_CARDS.values() if card.is_twin]
    digests = {weights_status(BackboneRef(card=n, weights="twin"), locations).digest for n in twins}
    assert len(digests) == len(twins)


def test_weights_without_their_word_list_are_not_here(locations):
    folder = locations.weights / "biobert"
    folder.mkdir(parents=True)
    (folder / "pytorch_model.bin").write_bytes(b"x")
    status = weights_status(BackboneRef(card="biobert", weights="pubmed"), locations)
    assert not status.present
    assert "lacks vocab.txt" in status.reason


def test_the_hub_is_asked_for_the_word_list_too(locations, monkeypatch):
    asked = []

    def fetch(origin: str, name: str) -> None:
        asked.append((origin, name))
        path = locations.weights / "biobert" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    ref = BackboneRef(card="biobert", weights="pubmed")
    online = dataclasses.replace(locations, hub="online")
    assert fetch_weights(ref, online) == locations.weights / "biobert" / "pytorch_model.bin"
    repository = "dmis-lab/biobert-base-cased-v1.1"
    assert asked == [(repository, "pytorch_model.bin"), (repository, "vocab.txt")]


def test_a_text_encoder_has_no_blocks(locations):
    with pytest.raises(ConfigError, match="no blocks to choose from"):
        weights_status(BackboneRef(card="biobert", weights="pubmed", output_block=1), locations)
