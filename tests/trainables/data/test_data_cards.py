"""Cards are light, complete, and honest about what is absent."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trainables.context import Locations
from trainables.data.card import SPLITS, DataCard
from trainables.data.cards import DATA_CARDS, data_status, get_data_card
from trainables.errors import SelectionError

PROGRAM = """
import sys
from pathlib import Path
from trainables.context import Locations
from trainables.data.cards import DATA_CARDS, data_status
here = Path(sys.argv[1])
for name in DATA_CARDS:
    data_status(name, Locations(data=here, weights=here, store=here))
heavy = {"numpy", "torch", "torchvision", "pandas", "pyarrow", "PIL", "safetensors", "pydantic"}
print(sorted(heavy & set(sys.modules)))
"""


def test_status_of_every_card_imports_nothing_heavy(locations: Locations) -> None:
    command = [sys.executable, "-c", PROGRAM, str(locations.store)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_unknown_name_suggests_the_near_one() -> None:
    with pytest.raises(SelectionError, match="Did you mean 'fundus'"):
        get_data_card("fundos")


@pytest.mark.parametrize("name", DATA_CARDS)
def test_card_is_complete(name: str) -> None:
    card = get_data_card(name)
    assert len(set(card.classes)) == len(card.classes)
    # Without labels there are only texts to train on.
    is_corpus = card.module == "caption_corpus"
    # To outline one kind of structure is a task, to tell one class is not.
    assert len(card.classes) >= (1 if card.prompt_types else 2) or (
        not card.classes and (is_corpus or card.expected_counts["train"] == 0)
    )
    assert len(set(card.domains)) == len(card.domains) >= 1
    assert card.licence
    assert card.kind == "synthetic" or (card.homepage and card.how_to_get)
    assert card.kind == "real" or "ynthetic" in card.title
    assert set(card.expected_counts) in (set(), {"test"}, set(SPLITS))


WITH_TWIN = [card for card in DATA_CARDS.values() if card.twin]


@pytest.mark.parametrize("card", WITH_TWIN, ids=lambda card: card.name)
def test_twin_has_the_same_interface(card: DataCard) -> None:
    twin = get_data_card(card.twin or "")
    assert twin.kind == "synthetic"
    assert twin.domains == card.domains
    if card.classes:
        assert (twin.task, twin.classes) == (card.task, card.classes)


def test_absent_set_says_what_to_fetch_and_which_command_to_run(locations: Locations) -> None:
    status = data_status("aptos2019", locations)
    assert not status.present
    assert status.digest == ""
    for part in ("train.csv", "xenograft prepare aptos2019 --source DIR", str(locations.data)):
        assert part in status.reason


def test_digests_of_synthetic_sets_are_known_without_generating(locations: Locations) -> None:
    fundus = data_status("fundus", locations)
    assert fundus.present
    assert len(fundus.digest) == 64
    assert fundus.digest != data_status("aptos2019_twin", locations).digest
    assert not locations.store.exists()
