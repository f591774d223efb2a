"""What the looking verbs load and what they ask of every cell, as people wait for them."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from search_spaces.registry import load_study
from trainables import classify
from trainables.config import BackboneRef, DataRef, flatten, has_value, references, replace_refs

_LIGHT = {"rich", "typer", "shellingham", "pydantic", "pydantic_core", "huggingface_hub"}
_LIGHT |= {"annotated_doc", "annotated_types", "typing_extensions", "typing_inspection"}
_OURS = {"cluster", "orchestrator", "search_spaces", "trainables"}
_SCRIPT = (
    "import sys; sys.argv = ['xenograft', *sys.argv[1:]]\n"
    "from cluster.cli import app\n"
    "try: app()\n"
    "except SystemExit: pass\n"
    "except Exception as error: assert 'cannot run yet' in str(error)\n"
    "tops = {name.partition('.')[0] for name in sys.modules}\n"
    "others = tops - set(sys.stdlib_module_names) - {'__main__', '_distutils_hack'}\n"
    "made = ('_sysconfigdata', '__editable__')\n"
    "others = {name for name in others if not name.startswith(made)}\n"
    "print(*sorted(others), file=sys.stderr)\n"
    "print('httpx2' in sys.modules or 'httpx' in sys.modules, file=sys.stderr)\n"
)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["ls"], ["ls", "backbones"], ["plan", "demo"], ["plan", "coop_lvt"]]
)
def test_looking_loads_light_packages_only(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-c", _SCRIPT, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    *_, loaded, with_client = done.stderr.splitlines()
    assert {"typer", "orchestrator"} <= set(loaded.split()) <= _LIGHT | _OURS
    assert with_client == "False", "the hub's client was loaded to look for a file"


def test_help_leaves_studies_and_cards_alone(tmp_path: Path) -> None:
    script = _SCRIPT + "print(*sys.modules, file=sys.stderr)\n"
    command = [sys.executable, "-c", script, "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "orchestrator.cli" in loaded
    assert not loaded & {"orchestrator.plan", "trainables.data.cards", "search_spaces.study"}
    assert not loaded & {"cluster.spec", "pydantic", "urllib.request"}


def _configs() -> list[Any]:
    cells = [cell for name in ("demo", "coop_lvt", "medvlsm") for cell in load_study(name).cells()]
    return list({type(cell.recipe.config): cell.recipe.config for cell in cells}.values())


@pytest.mark.parametrize("config", _configs(), ids=lambda config: type(config).__module__)
def test_a_config_has_the_values_that_flatten_lists_and_no_others(config: Any) -> None:
    paths = flatten(config)
    assert all(has_value(config, path) for path in paths)
    groups = {path.rpartition(".")[0] for path in paths if "." in path}
    assert not any(has_value(config, group) for group in groups)
    assert not any(has_value(config, f"{path}.more") for path in paths)
    assert not has_value(config, "nothing_of_this_name")


@pytest.mark.parametrize("config", _configs(), ids=lambda config: type(config).__module__)
def test_references_are_what_replacing_them_meets(config: Any) -> None:
    data: list[DataRef] = []
    backbones: list[BackboneRef] = []
    replace_refs(config, lambda r: (data.append(r), r)[1], lambda r: (backbones.append(r), r)[1])
    assert references(config) == (data, backbones)


def test_references_are_found_however_deep() -> None:
    config = classify.Config(data=DataRef(name="fashion"), backbone=BackboneRef(card="a"))
    deep = dataclasses.make_dataclass("Deep", ["inner", "own"])(config, DataRef(name="mnist"))
    data, backbones = references(deep)
    assert data == [DataRef(name="fashion"), DataRef(name="mnist")]
    assert BackboneRef(card="a") in backbones


def test_parts_without_a_reference_are_not_made_anew() -> None:
    config = classify.Config(data=DataRef(name="fashion"), backbone=BackboneRef(card="a"))
    swapped = replace_refs(config, lambda _: DataRef(name="mnist"), lambda ref: ref)
    assert swapped == dataclasses.replace(config, data=DataRef(name="mnist"))
    assert swapped.optimizer is config.optimizer
    assert replace_refs(config, lambda ref: ref, lambda ref: ref) is config


def test_the_two_splits_of_a_data_set_share_one_config() -> None:
    cells = [c for c in load_study("why_lesion_clip").cells() if c.experiment == "methods"]
    runs: dict[tuple[str, ...], list[Any]] = {}
    for cell in cells:
        levels = dict(cell.levels)
        del levels["split"]
        runs.setdefault(tuple(levels.values()), []).append(cell.recipe)
    assert all(a.config is b.config and a.metric != b.metric for a, b in runs.values())
