"""With --twin every segmenter becomes its small stand-in."""

import pytest

from orchestrator.twins import twin_backbone
from trainables.config import BackboneRef
from trainables.models.segmenter_cards import SEGMENTER_CARDS

PUBLISHED = [name for name, card in SEGMENTER_CARDS.items() if not card.is_twin]


@pytest.mark.parametrize("name", PUBLISHED)
def test_with_twins_a_segmenter_becomes_its_twin(name):
    card = SEGMENTER_CARDS[name]
    twin = twin_backbone(BackboneRef(card=name, weights=card.default_weights))
    assert twin == BackboneRef(card=card.twin, weights="twin")
    assert twin_backbone(twin) == twin


def test_with_twins_random_weights_stay_random():
    twin = twin_backbone(BackboneRef(card="unet", weights="random"))
    assert twin == BackboneRef(card="unet_twin", weights="random")
