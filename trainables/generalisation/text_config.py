"""What methods that compare pictures with texts say of each class. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trainables.config import BackboneRef
from trainables.errors import ConfigError, check_at_least
from trainables.models.cards import BACKBONE_CARDS
from trainables.models.clip_pairs import has_clip_text, has_projection
from trainables.models.text_cards import TEXT_CARDS

_COMPARING = ("zero_shot", "naive_clip", "coop_lvt", "coop_lvt_prompt_only")
_IN_CLIP_S_WORDS = ("coop", "cocoop")
_ON_THE_CLASS_TOKEN = ("linear_probe_clip_v", "clip_v_finetune")


@dataclass(frozen=True, kw_only=True, slots=True)
class TextConfig:
    """One sentence per class, and who reads it.

    Args:
        encoder: a text card; None: the text tower in the file of the CLIP card. A card whose
            vectors are not projected into a space shared with pictures is compared with the picture
            feature before its projection, whose width must be the same.
        class_names: how sentences call the classes, in their order; the data set's names when
            empty.
        template: the sentence; ``{}`` is the class.
    """

    encoder: BackboneRef | None = None
    class_names: tuple[str, ...] = ()
    template: str = "a photo of a {}"

    def __post_init__(self) -> None:
        if self.template.count("{}") != 1:
            raise ConfigError(f"text.template must hold {{}} once, got '{self.template}'")

    def names(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Return how sentences call the classes of a data set.

        Raises:
            ConfigError: there is not one name per class.
        """
        if self.class_names and len(self.class_names) != len(classes):
            raise ConfigError(
                f"text.class_names has {len(self.class_names)} names for the {len(classes)} "
                f"classes {', '.join(classes)}"
            )
        return self.class_names or tuple(classes)

    def sentences(self, classes: Sequence[str]) -> list[str]:
        """Return the sentence of each class of a data set."""
        return [self.template.replace("{}", name) for name in self.names(classes)]


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptConfig:
    """Learned vectors among those of words.

    Args:
        tokens: how many.
        layers: of the network that makes them from a picture, of 'coop_lvt'.
        placement: of 'coop_lvt': 'appended' behind all words, where a causal text tower never sees
            them (the published code, computed without them); 'before_end' makes them seen, which is
            a method of its own.
        bert_order: of 'biobert_prompt': 'after_cls', or 'before_cls' as in the published code,
            where the vector read is that of the first learned token and padding is read too.
    """

    tokens: int = 4
    layers: Literal[1, 3] = 3
    placement: Literal["appended", "before_end"] = "appended"
    bert_order: Literal["after_cls", "before_cls"] = "after_cls"

    def __post_init__(self) -> None:
        check_at_least(1, "prompt.", tokens=self.tokens)
        for name, known in {
            "layers": (1, 3),
            "placement": ("appended", "before_end"),
            "bert_order": ("after_cls", "before_cls"),
        }.items():
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"prompt.{name} must be one of {known}, got {getattr(self, name)!r}"
                )


def check_texts(method: str, backbone: BackboneRef, text: TextConfig, prompt: PromptConfig) -> None:
    """Make sure that a method's pictures and texts can be compared, as far as cards know.

    A card that does not exist is reported where its weights are looked for.

    Raises:
        ConfigError: they cannot.
    """
    card = BACKBONE_CARDS.get(backbone.card)
    if card is None or method not in (
        *_COMPARING,
        *_IN_CLIP_S_WORDS,
        *_ON_THE_CLASS_TOKEN,
        "biobert_prompt",
    ):
        return
    if not has_projection(card):
        raise ConfigError(f"method '{method}' needs a backbone of CLIP's kind, not '{card.name}'")
    if method in _ON_THE_CLASS_TOKEN:
        return
    of_clip = text.encoder is None
    if of_clip and not has_clip_text(card):
        raise ConfigError(
            f"'{card.name}' brings no text tower of CLIP: set text.encoder to its text card"
        )
    words_needed = method in _IN_CLIP_S_WORDS or texts_follow_picture(method, prompt)
    if words_needed and not of_clip:
        raise ConfigError(f"method '{method}' puts vectors between CLIP's words: no text.encoder")
    if method == "biobert_prompt":
        _check_bert(text.encoder)


def texts_follow_picture(method: str, prompt: PromptConfig) -> bool:
    """Return whether each picture has texts of its own, so that scoring needs the text tower."""
    seen = method.startswith("coop_lvt") and prompt.placement == "before_end"
    return seen or method == "cocoop"


def _check_bert(encoder: BackboneRef | None) -> None:
    card = None if encoder is None else TEXT_CARDS.get(encoder.card)
    if encoder is None or (card is not None and card.pooling != "pooler"):
        raise ConfigError(
            "method 'biobert_prompt' needs text.encoder with a pooler: biobert, biobert_squad or "
            "bio_clinicalbert"
        )
