"""Where a run of the original stands in the tables of the study."""

from __future__ import annotations

from orchestrator.import_hydra.data import prompt_level, structure
from orchestrator.import_hydra.run import Run
from orchestrator.import_params.translation import Translation
from search_spaces.medvlsm.grid import NO_PROMPT
from trainables.data.sets.segmentation_sets import POOLS

_PROMPT, _CLASS, _SWEEP = "prompt_type", "class_name", "hparams_search"
_SWEEPS = ("clipseg_optuna",)


def translate_place(run: Run, out: Translation) -> tuple[str, ...]:
    """Choose the levels; return the experiments that may have a cell of them."""
    if run.mode == "sweep":
        return _place_sweep(run, out)
    out.level("model", run.network, *run.network_keys)
    if not run.original.reads_text:
        return _place_cnn(run, out)
    out.explain([_CLASS], "of networks without text only")
    out.level("prompt", prompt_level(run, out), _PROMPT)
    if run.mode == "train" and run.data in POOLS:
        out.level("pool", run.data, *run.data_keys)
        return ("pooled_training",)
    out.level("dataset", run.data, *run.data_keys)
    if run.mode == "zero_shot":
        return ("zero_shot",)
    frozen = out.config.get("options.freeze_encoder", False)
    return ("frozen_encoders", "finetune") if frozen else ("finetune",)


def _place_cnn(run: Run, out: Translation) -> tuple[str, ...]:
    if run.data in POOLS:
        out.level("pool", run.data, *run.data_keys)
        out.levels["prompt"] = NO_PROMPT
        return ("pooled_training",)
    name = structure(run, out)
    if name:
        out.level("structure", name, *run.data_keys, _CLASS)
        return ("cnn_structures",)
    out.level("dataset", run.data, *run.data_keys)
    return ("cnn_individual",)


def _place_sweep(run: Run, out: Translation) -> tuple[str, ...]:
    name = out.params[_SWEEP].removesuffix(".yaml")
    if name not in _SWEEPS or run.network != "clipseg":
        out.refuse(_SWEEP, f"only {', '.join(_SWEEPS)}, of experiment=clipseg, exists")
    out.level("space", "published", _SWEEP)
    out.set({"data.name": run.data}, *run.data_keys)
    out.set({"segmenter.card": run.original.card}, *run.network_keys)
    out.set({"prompt.type": prompt_level(run, out)}, _PROMPT)
    return ("sweep",)
