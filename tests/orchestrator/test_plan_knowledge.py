"""Plans of cells that read files of knowledge: looked for beforehand, and part of identities."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.plan import Plan, PlanError, make_plan
from orchestrator.selection import Selection
from search_spaces.study import Experiment, Factor, Levels, Objective, Recipe, Study
from trainables import concept_diversity
from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.data.sets.knobo_knowledge import concept_files, prior_files

TWIN = BackboneRef(card="mpnet_twin", weights="twin")


def planned(
    locations: Locations, monkeypatch: pytest.MonkeyPatch, *, optional: bool = False
) -> Plan:
    def configure(levels: Levels) -> Recipe:
        config = concept_diversity.Config(
            subject="skin",
            source=levels["source"],  # type: ignore[arg-type]
            text=TWIN,
        )
        return Recipe(
            config=config,
            objective=Objective(metric="val/diversity"),
            metric="diversity",
            optional_data=optional,
        )

    sources = Factor(name="source", levels=("PubMed", "prompt"))
    table = Experiment(name="table", title="Table", factors=(sources,), configure=configure)
    study = Study(name="listed", title="Lists", paper="none", experiments=(table,))
    monkeypatch.setattr("orchestrator.plan.load_study", lambda _: study)
    return make_plan(Selection(study="listed"), locations)


def listed(locations: Locations, source: str, text: str) -> Path:
    path = locations.data / "knobo" / f"skin_{source}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_an_absent_file_is_named_with_its_origin_and_its_place(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(locations, "PubMed", "Is it red?\n")
    plan = planned(locations, monkeypatch)
    with pytest.raises(PlanError) as refused:
        plan.require_runnable()
    (problem,) = plan.problems
    assert problem in str(refused.value)
    assert "skin concepts from prompt" in problem
    assert "KnoBo repository" in problem
    assert str(locations.data / "knobo" / "skin_prompt.txt") in problem
    assert [cell.config.source for cell in plan.cells] == ["PubMed"]


def test_a_cell_whose_data_is_optional_is_left_out_without_its_file(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(locations, "PubMed", "Is it red?\n")
    plan = planned(locations, monkeypatch, optional=True)
    assert not plan.problems
    assert list(plan.skipped) == ["table/source=prompt"]
    assert "skin_prompt.txt" in plan.skipped["table/source=prompt"]


def test_every_file_that_a_left_out_cell_lacks_is_named(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = (*concept_files("skin", "PubMed"), *prior_files("skin"))
    monkeypatch.setattr(concept_diversity.Config, "knowledge_files", lambda _: files)
    for reason in planned(locations, monkeypatch, optional=True).skipped.values():
        assert "skin_PubMed.txt; " in reason
        assert "class2concept2answer.json" in reason


def test_identities_follow_the_content_of_the_files_a_cell_reads_and_of_no_other(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    for source in ("PubMed", "prompt"):
        listed(locations, source, "Is it red?\n")
    before = {cell.config.source: cell for cell in planned(locations, monkeypatch).cells}
    listed(locations, "prompt", "Is it flat?\n")
    after = {cell.config.source: cell for cell in planned(locations, monkeypatch).cells}
    assert after["PubMed"].id == before["PubMed"].id
    assert after["prompt"].id != before["prompt"].id


def test_a_cell_says_which_files_it_stood_on(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    for source in ("PubMed", "prompt"):
        listed(locations, source, "Is it red?\n")
    for cell in planned(locations, monkeypatch).cells:
        (facts,) = cell.data
        assert facts["name"] == f"knobo/skin_{cell.config.source}.txt"
        assert facts["kind"] == "real"
        assert len(facts["digest"]) == 64
