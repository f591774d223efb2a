"""Diversity of concepts: both definitions, which concepts count, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trainables import concept_diversity
from trainables.config import BackboneRef
from trainables.context import Context, Locations
from trainables.data.twins.knobo_twin_knowledge import questions
from trainables.errors import ConfigError, DatasetError
from trainables.models.text import create_text_encoder

TWIN = BackboneRef(card="mpnet_twin", weights="twin")


def measured(folder: Path, locations: Locations, **changes: Any) -> dict[str, float]:
    config = concept_diversity.Config(**{"subject": "skin_twin", "text": TWIN, **changes})
    return concept_diversity.run(config, Context.local(folder, locations))


def test_it_is_the_mean_distance_of_the_first_concepts(
    locations: Locations, tmp_path: Path
) -> None:
    found = measured(tmp_path, locations, concepts=5)
    vectors = create_text_encoder(TWIN, locations).encode_texts(
        questions("skin_twin", "PubMed")[:5]
    )
    distances = [1 - float(vectors[i] @ vectors[j]) for i in range(5) for j in range(5) if i != j]
    mean = sum(distances) / len(distances)
    assert found["diversity"] == pytest.approx(mean, abs=1e-5)
    assert found["diversity_as_released"] == pytest.approx(mean + (1 - mean) / 5, abs=1e-5)
    assert found["concepts"] == 5


def test_a_short_list_is_taken_whole_and_sources_differ(
    locations: Locations, tmp_path: Path
) -> None:
    whole = measured(tmp_path / "a", locations)
    assert whole["concepts"] == len(questions("skin_twin", "PubMed"))
    other = measured(tmp_path / "b", locations, source="prompt")
    assert other["diversity"] != whole["diversity"]


def test_released_lists_are_read_and_repeats_count_once(
    locations: Locations, tmp_path: Path
) -> None:
    folder = locations.data / "knobo"
    folder.mkdir(parents=True)
    (folder / "skin_prompt.txt").write_text("Is it red?\nIs it flat?\nIs it red?\n")
    assert measured(tmp_path / "a", locations, subject="skin", source="prompt")["concepts"] == 2
    (folder / "skin_prompt.txt").write_text("Is it red?\nIs it red?\n")
    with pytest.raises(DatasetError, match="skin concepts from prompt has one concept"):
        measured(tmp_path / "b", locations, subject="skin", source="prompt")
    with pytest.raises(DatasetError, match="xray concepts from PubMed is not here"):
        measured(tmp_path / "c", locations, subject="xray")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"subject": "eye"}, "subject must be one of"),
        ({"source": "Google"}, "source must be one of"),
        ({"concepts": 1}, "concepts must be >= 2"),
    ],
)
def test_nonsense_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        concept_diversity.Config(**{"subject": "skin", **values})
