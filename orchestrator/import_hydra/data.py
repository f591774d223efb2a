"""From data set, prompts and what is used of them to levels and config."""

from __future__ import annotations

import shlex

from orchestrator.import_hydra.run import Run
from orchestrator.import_params.translation import Translation
from trainables.data.cards import get_data_card
from trainables.errors import did_you_mean
from trainables.segmentation.config import RANDOM_PROMPT

_PROMPT, _OVERRIDE, _SUBSET = "prompt_type", "override_prompt", "train_data_num"
_ROOT, _CLASS = "data_root", "class_name"
_STRUCTURES = {"mask_1": "ventricle", "mask_2": "myocardium", "mask_3": "atrium"}
"""Folder of CAMUS's masks -> class of the data card."""


def translate_data(run: Run, out: Translation) -> None:
    """Translate prompt, subset and place of the data."""
    out.name(_ROOT, _preparation(run, out))
    if out.params.get("zero_prompt", False):
        out.refuse("zero_prompt", "read by nothing in the original: leave it out")
    out.explain(["zero_prompt"], "read by nothing in the original")
    override = out.params.get(_OVERRIDE, None) or ""
    if run.original.reads_text:
        out.set({"prompt.override": override}, _OVERRIDE)
        if override and run.data not in ("pooled_polyp", "pooled_all"):
            out.warnings.append(f"{_OVERRIDE}: the original hands it to pooled data only")
    else:
        out.explain([_OVERRIDE, _PROMPT], "the network reads no text")
    if run.mode == "train":
        _translate_subset(run, out)
    else:
        out.explain([_SUBSET], "nothing is trained")


def prompt_level(run: Run, out: Translation) -> str:
    """Return the level of the prompt that is asked for; empty, with a problem, if there is none."""
    level = out.params.get(_PROMPT, None)
    types = (*get_data_card(run.data).prompt_types, RANDOM_PROMPT)
    if level is None:
        out.problems.append(f"{_PROMPT}: is missing; {run.data} has {', '.join(types)}")
        return ""
    if level not in types:
        out.refuse(_PROMPT, f"{run.data} has no such prompt.{did_you_mean(level, types)}")
    return str(level)


def structure(run: Run, out: Translation) -> str:
    """Return the class that a network without text is trained for; empty for all."""
    classes = get_data_card(run.data).classes
    name = out.params.get(_CLASS, None)
    if run.original.reads_text or len(classes) == 1 or run.data.startswith("pooled"):
        out.explain([_CLASS], "read for sets of several structures, by networks without text")
        return ""
    if name is None:
        out.problems.append(
            f"{_CLASS}: is missing: one network is trained per structure of {run.data}, "
            f"{', '.join(_names(classes))}"
        )
        return ""
    level = _STRUCTURES.get(name, name) if run.data == "camus" else name
    if level not in classes:
        out.refuse(_CLASS, f"{run.data} has {', '.join(_names(classes))}")
    return str(level)


def _names(classes: tuple[str, ...]) -> list[str]:
    """Return classes under the names of the original."""
    folders = {level: folder for folder, level in _STRUCTURES.items()}
    return [folders.get(name, name) for name in classes]


def _preparation(run: Run, out: Translation) -> str:
    name = "each of its members" if run.data.startswith("pooled") else run.data
    root = str(out.params.get(_ROOT, ""))
    source = "DIR" if "${" in root else shlex.quote(root)
    return f"xenograft prepare {name} --source {source}"


def _translate_subset(run: Run, out: Translation) -> None:
    subset = out.params.get(_SUBSET, None)
    subset = 1.0 if subset is None else subset
    if isinstance(subset, int) or not 0 < subset <= 1:
        out.refuse(_SUBSET, "a number of cases has no equivalent: use a share such as 0.5")
        return
    out.set({"train_fraction": subset}, _SUBSET)
    if subset < 1:
        only = "" if run.data == "pooled_polyp" else "; the original reads it for pooled_polyp only"
        out.warnings.append(f"{_SUBSET} = {subset}: which cases these are is drawn anew{only}")
