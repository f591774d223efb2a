"""What the page of a study says that follows from its declaration and from the cards it names."""

from __future__ import annotations

import sys

from search_spaces.registry import load_study
from search_spaces.study import Study
from trainables.config import BackboneRef, references
from trainables.data.cards import get_data_card
from trainables.models.card import BackboneCard
from trainables.models.cards import BACKBONE_CARDS
from trainables.models.segmenter_cards import SEGMENTER_CARDS
from trainables.models.text_cards import TEXT_CARDS

SECTIONS = (
    "What is reproduced",
    "Commands",
    "Time",
    "Published against ours",
    "Deviations",
    "Data",
    "Weights",
    "Options",
    "Good to know",
)


def deviations(study: Study) -> str:
    """Return a point for each deviation that the study declares."""
    return "\n".join(f"- {sentence}" for sentence in study.deviations)


def data_table(study: Study) -> str:
    """Return a row for each data set that a cell of the study stands on."""
    named = dict.fromkeys(
        ref.name for cell in study.cells() for ref in references(cell.recipe.config)[0]
    )
    rows = ["| name | what | licence | from |", "|---|---|---|---|"]
    for name in named:
        card = get_data_card(name)
        pages = ", ".join(f"<{page}>" for page in card.homepage.split(", ") if page)
        rows.append(f"| `{name}` | {card.title} | {card.licence} | {pages} |")
    return "\n".join(rows)


def weights_table(study: Study) -> str:
    """Return a row for each set of weights that a cell of the study starts from."""
    named = dict.fromkeys(
        (ref.card, ref.weights)
        for cell in study.cells()
        for ref in references(cell.recipe.config)[1]
    )
    rows = ["| card | weights | licence | from |", "|---|---|---|---|"]
    rows += [
        f"| `{card}` | `{tag}` | {_licence(card, tag)} |" for card, tag in named if tag != "random"
    ]
    return "\n".join(rows)


def _licence(name: str, tag: str) -> str:
    """Return licence and origin of weights, or whose weights they are."""
    cards = {**BACKBONE_CARDS, **TEXT_CARDS, **SEGMENTER_CARDS}
    card = cards[name]
    for source in card.sources:
        if source.tag == tag:
            return f"{source.licence} | {source.where}"
    assert not isinstance(card, BackboneCard)
    parts: tuple[BackboneRef, ...] = getattr(card, "parts", {})[tag]
    taken = ", ".join(f"`{part.card}` `{part.weights}`" for part in parts)
    return f"that of its parts | {taken}"


if __name__ == "__main__":
    of = load_study(sys.argv[1])
    sys.stdout.write(f"{deviations(of)}\n\n{data_table(of)}\n\n{weights_table(of)}\n")
