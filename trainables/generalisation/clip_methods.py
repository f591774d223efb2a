"""CLIP as it is, fine-tuned against fixed texts, or under a linear layer.

Axes: n pictures, c channels, h rows, w columns, k classes.
"""

from __future__ import annotations

from torch import nn

from trainables.config import seed_from
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.losses import PictureLoss
from trainables.generalisation.method import Method, Setting
from trainables.generalisation.network_method import NetworkMethod
from trainables.generalisation.supervised_methods import Risk
from trainables.generalisation.text_classifier import (
    TextClassifier,
    create_images,
    create_temperature,
    create_texts,
)
from trainables.models.freezing import freeze_backbone
from trainables.models.heads import Classifier, LinearHead


def build_zero_shot(config: MethodConfig, setting: Setting) -> Method:
    """Build a comparison of pictures and texts with nothing to train."""
    method = build_naive_clip(config, setting)
    method.requires_grad_(False)
    return method


def build_naive_clip(config: MethodConfig, setting: Setting) -> Method:
    """Build an image tower, trained whole, against the fixed texts of the classes."""
    return fixed_texts(config, setting, PictureLoss(config.loss, len(setting.classes)))


def fixed_texts(config: MethodConfig, setting: Setting, objective: nn.Module) -> Method:
    """Build an image tower, trained whole, against fixed texts by any loss of logits."""
    images = create_images(config, setting)
    texts = create_texts(config, setting, images)
    return TextClassifier(images, texts, create_temperature(config, setting), objective)


def build_linear_probe(config: MethodConfig, setting: Setting) -> Method:
    """Build a linear layer, trained, on the class token before the projection."""
    network = _network(config, setting)
    freeze_backbone(network)
    return _supervised(network, config, setting)


def build_finetuning(config: MethodConfig, setting: Setting) -> Method:
    """Build a linear layer on the class token before the projection; all of it is trained."""
    return _supervised(_network(config, setting), config, setting)


def _network(config: MethodConfig, setting: Setting) -> Classifier:
    backbone = create_images(config, setting).backbone
    seed = seed_from(setting.context.seed, "head")
    return Classifier(backbone, LinearHead(backbone.dim, len(setting.classes), seed))


def _supervised(network: Classifier, config: MethodConfig, setting: Setting) -> Method:
    objective = Risk(PictureLoss(config.loss, len(setting.classes)))
    return NetworkMethod(network, objective, config.freeze_norms)
