"""What is trained of a classifier, and in which mode."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.engine.loop import set_training_mode
from trainables.errors import ConfigError
from trainables.models.cards import BACKBONE_CARDS, get_backbone_card
from trainables.models.factory import create_backbone
from trainables.models.freezing import freeze_backbone, freeze_unreached
from trainables.models.head_config import HeadConfig
from trainables.models.head_factory import create_head
from trainables.models.heads import Classifier
from trainables.models.token_head import TokenHead

DEIT = HeadConfig(name="deit", backbone=BackboneRef(card="deit_t_twin", weights="random"))
LINEAR = HeadConfig()


def classifier(locations: Locations, card: str, head: HeadConfig = LINEAR) -> Classifier:
    backbone = create_backbone(BackboneRef(card=card), locations, seed=0)
    return Classifier(backbone, create_head(head, backbone, 3, locations, seed=0))


def trained(module: nn.Module) -> set[str]:
    return {name for name, p in module.named_parameters() if p.requires_grad}


def picture(model: Classifier) -> torch.Tensor:
    size = model.backbone.image_size_px
    return torch.randn(2, 3, size, size)


@pytest.mark.parametrize("head", [LINEAR, DEIT])
def test_frozen_backbone_does_not_train_and_stays_in_evaluation_mode(
    locations: Locations, head: HeadConfig
) -> None:
    model = classifier(locations, "resnet18_twin", head)
    freeze_backbone(model)
    freeze_unreached(model)
    set_training_mode(model)
    assert trained(model.backbone) == set()
    assert not any(module.training for module in model.backbone.modules())
    assert trained(model.head) == {name for name, _ in model.head.named_parameters()}
    assert model.head.training


@pytest.mark.parametrize("head", [LINEAR, DEIT])
def test_last_blocks_alone_train_in_evaluation_mode(locations: Locations, head: HeadConfig) -> None:
    model = classifier(locations, "deit_s_twin", head)
    freeze_backbone(model, unfreeze_from=2)
    freeze_unreached(model)
    set_training_mode(model)
    names = {name for name, _ in model.backbone.named_parameters()}
    blocks = ("trunk.blocks.2.", "trunk.blocks.3.")
    assert trained(model.backbone) == {name for name in names if name.startswith(blocks)}
    assert not any(module.training for module in model.backbone.modules())
    model(picture(model)).sum().backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_statistics_of_trained_blocks_stand_still(locations: Locations) -> None:
    model = classifier(locations, "resnet18_twin")
    freeze_backbone(model, unfreeze_from=1)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    set_training_mode(model)
    model(picture(model))
    assert all(torch.equal(before[name], buffer) for name, buffer in model.named_buffers())
    norms = [name for name in trained(model.backbone) if "bn1" in name]
    assert norms


def test_block_that_the_backbone_has_not_is_refused(locations: Locations) -> None:
    model = classifier(locations, "resnet18_twin")
    last = len(model.backbone.units()) - 1
    with pytest.raises(ConfigError, match=f"blocks 0 to {last}"):
        freeze_backbone(model, unfreeze_from=last + 1)


# Which parameters the raw tokens do not depend on, read off each network's definition.
@pytest.mark.parametrize(
    ("card", "dead"),
    [
        ("deit_s_twin", {"trunk.norm.weight", "trunk.norm.bias"}),
        ("dinov2_vit_b14_twin", {"trunk.norm.weight", "trunk.norm.bias"}),
        ("dinov2_vit_s14_twin", {"trunk.layernorm.weight", "trunk.layernorm.bias"}),
        ("clip_vit_b16_twin", {"trunk.ln_post.weight", "trunk.ln_post.bias", "trunk.proj"}),
        ("resnet18_twin", set()),
    ],
)
def test_what_tokens_do_not_depend_on_is_frozen(
    locations: Locations, card: str, dead: set[str]
) -> None:
    model = classifier(locations, card, DEIT)
    before = torch.random.get_rng_state()
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    freeze_unreached(model)
    names = {name for name, _ in model.backbone.named_parameters()}
    assert names - trained(model.backbone) == dead
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(buffers[name], buffer) for name, buffer in model.named_buffers())
    assert all(module.training for module in model.modules())
    assert all(p.grad is None for p in model.parameters())
    model(picture(model)).sum().backward()
    assert all((p.grad is not None) == p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("card", ["deit_s_twin", "clip_vit_b16_twin", "resnet18_twin"])
def test_pooled_feature_depends_on_everything(locations: Locations, card: str) -> None:
    model = classifier(locations, card)
    freeze_unreached(model)
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("card", [name for name, card in BACKBONE_CARDS.items() if card.is_twin])
def test_whatever_trains_gets_a_gradient_with_either_head(locations: Locations, card: str) -> None:
    block = 0 if get_backbone_card(card).output_blocks else None
    backbone = create_backbone(BackboneRef(card=card, output_block=block), locations, seed=0)
    for head in (LINEAR, DEIT):
        model = Classifier(backbone, create_head(head, backbone, 3, locations, seed=0))
        backbone.requires_grad_(True)
        backbone.zero_grad()
        freeze_unreached(model)
        model.train()
        model(picture(model)).sum().backward()
        assert all((p.grad is not None) == p.requires_grad for p in model.parameters())


def test_frozen_reader_trains_projection_and_last_layer_only(locations: Locations) -> None:
    model = classifier(locations, "resnet18_twin", DEIT)
    assert isinstance(model.head, TokenHead)
    model.head.freeze_reader()
    assert trained(model.head) == {
        f"{name}.{kind}"
        for name in ("projector.0", "projector.1", "fc")
        for kind in ("weight", "bias")
    }
