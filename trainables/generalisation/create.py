"""Methods by name: adding one is adding a line here. No torch until one is built."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from trainables.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from trainables.generalisation.config import MethodConfig
    from trainables.generalisation.method import Builder, Method, Setting

_SUPERVISED = "trainables.generalisation.supervised_methods"
_INVARIANCE = "trainables.generalisation.invariance"
_CLIP = "trainables.generalisation.clip_methods"
_COOP_LVT = "trainables.generalisation.coop_lvt"
_BIOBERT = "trainables.generalisation.biobert_methods"
_PROMPTS = "trainables.generalisation.prompt_learning"

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "erm": f"{_SUPERVISED}:build_erm",
        "linear_probe": f"{_SUPERVISED}:build_linear_probe",
        "irm": f"{_INVARIANCE}:build_irm",
        "vrex": f"{_INVARIANCE}:build_vrex",
        "group_dro": f"{_INVARIANCE}:build_group_dro",
        "mixup": f"{_INVARIANCE}:build_mixup",
        "mmd": f"{_INVARIANCE}:build_mmd",
        "coral": f"{_INVARIANCE}:build_coral",
        "zero_shot": f"{_CLIP}:build_zero_shot",
        "naive_clip": f"{_CLIP}:build_naive_clip",
        "linear_probe_clip_v": f"{_CLIP}:build_linear_probe",
        "clip_v_finetune": f"{_CLIP}:build_finetuning",
        "coop_lvt": f"{_COOP_LVT}:build_coop_lvt",
        "coop_lvt_prompt_only": f"{_COOP_LVT}:build_prompt_only",
        "biobert_prompt": f"{_BIOBERT}:build_biobert_prompt",
        "coop": f"{_PROMPTS}:build_coop",
        "cocoop": f"{_PROMPTS}:build_cocoop",
    }
)
"""Name -> ``module:function`` of a :class:`~trainables.generalisation.method.Builder`."""


def check_method(name: str) -> None:
    """Make sure that there is a method of this name.

    Raises:
        ConfigError: there is none; the message lists the near ones.
    """
    if name not in METHODS:
        raise ConfigError(f"there is no method '{name}'.{did_you_mean(name, METHODS)}")


def create_method(config: MethodConfig, setting: Setting) -> Method:
    """Build a method with the weights it starts from.

    Raises:
        SelectionError, WeightsError, StorageError, ConfigError: see
            :func:`trainables.models.factory.create_backbone`.
    """
    module, _, function = METHODS[config.name].partition(":")
    build = cast("Builder", getattr(importlib.import_module(module), function))
    return build(config, setting)
