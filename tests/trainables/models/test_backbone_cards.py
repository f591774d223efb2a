import subprocess
import sys

import pytest

from trainables.errors import SelectionError, WeightsError
from trainables.models.cards import BACKBONE_CARDS, TWIN, get_backbone_card
from trainables.models.text_cards import TEXT_CARDS, get_text_card

REAL = [card for card in BACKBONE_CARDS.values() if not card.is_twin and card.params_m]


@pytest.mark.parametrize("card", REAL, ids=lambda card: card.name)
def test_every_real_backbone_has_a_twin_of_its_family(card):
    twin = get_backbone_card(card.twin)
    assert twin.is_twin
    assert twin.family == card.family
    assert (twin.mean, twin.std) == (card.mean, card.std)
    assert twin.params_m < card.params_m / 10


@pytest.mark.parametrize("card", BACKBONE_CARDS.values(), ids=lambda card: card.name)
def test_default_weights_are_among_the_tags(card):
    assert card.default_weights in card.tags
    assert (TWIN in card.tags) == card.is_twin


def test_names_of_image_and_text_cards_do_not_collide():
    assert not set(BACKBONE_CARDS) & set(TEXT_CARDS)


def test_unknown_backbone_names_the_near_one():
    with pytest.raises(SelectionError, match="Did you mean 'resnet50'"):
        get_backbone_card("resnet5")


def test_unknown_text_encoder_names_the_known_ones():
    with pytest.raises(SelectionError, match="minilm"):
        get_text_card("word2vec")


def test_unknown_tag_names_the_near_one():
    with pytest.raises(WeightsError, match="Did you mean 'imagenet1k_v1'"):
        get_backbone_card("resnet50").source("imagenet1k_v2")


def test_planning_imports_no_torch():
    code = (
        "import sys, trainables.models.weights, trainables.models.text_cards;"
        "heavy = {'torch', 'timm', 'open_clip', 'transformers', 'huggingface_hub'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
