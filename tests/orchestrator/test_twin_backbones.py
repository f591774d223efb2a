"""What becomes of a reference to a backbone when the smoke plan swaps it for its twin."""

from __future__ import annotations

import pytest

from orchestrator.twins import twin_backbone
from trainables.config import BackboneRef
from trainables.errors import ConfigError


def test_the_output_block_keeps_its_relative_depth() -> None:
    real = BackboneRef(card="sam_vit_b", weights="sa1b", output_block=6)
    assert twin_backbone(real) == BackboneRef(card="sam_vit_b_twin", weights="twin", output_block=2)


def test_transfer_level_and_output_block_are_scaled_together() -> None:
    real = BackboneRef(card="deit_b", weights="imagenet1k", transfer_level=12, output_block=11)
    assert twin_backbone(real) == BackboneRef(
        card="deit_b_twin", weights="twin", transfer_level=4, output_block=3
    )


def test_random_weights_and_whole_networks_stay_what_they_are() -> None:
    assert twin_backbone(BackboneRef(card="blip_base")) == BackboneRef(card="blip_base_twin")
    twin = BackboneRef(card="blip_base_twin", weights="twin", output_block=1)
    assert twin_backbone(twin) is twin


def test_text_encoders_have_twins_too() -> None:
    real = BackboneRef(card="biobert", weights="pubmed")
    twin = BackboneRef(card="biobert_twin", weights="twin")
    assert twin_backbone(real) == twin
    assert twin_backbone(twin) is twin


def test_a_block_the_real_backbone_lacks_is_refused_before_it_is_scaled() -> None:
    with pytest.raises(ConfigError, match="'dino_vit_b16' has blocks 0 to 11"):
        twin_backbone(BackboneRef(card="dino_vit_b16", weights="dino", output_block=12))
