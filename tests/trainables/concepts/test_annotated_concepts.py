"""Pictures of concepts: labels of a multilabel set, made-up annotators of twins, brought files."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.concepts.knowledge import annotated_concepts
from trainables.concepts.samples import sample_concepts
from trainables.concepts.sampling import sample_concept
from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.concepts import AnnotatedPictures
from trainables.data.image_set import ImageSet
from trainables.data.open import load_split
from trainables.data.twins.knobo_twin_knowledge import FINDINGS, IDLE_QUESTIONS, questions
from trainables.errors import ConfigError, DatasetError
from trainables.knowledge import SOURCES, Annotator, Knowledge

CORPORA = {"lesion_findings_twin": "skin_twin", "chest_findings_twin": "xray_twin"}


@pytest.fixture(scope="module", params=sorted(CORPORA))
def corpus(request: pytest.FixtureRequest, shared_locations: Locations) -> ImageSet:
    return load_split(DataRef(name=request.param), "train", shared_locations)


def shown(corpus: ImageSet, question: str) -> set[int]:
    """Return the pictures whose captions confirm a question."""
    finding = FINDINGS[CORPORA[corpus.name]][question]  # type: ignore[index]
    return {row for row in range(len(corpus)) if finding in corpus.captions_of(row)}


def wrong(corpus: ImageSet, annotator: Annotator, locations: Locations) -> tuple[float, float]:
    """Return the shares of pictures that show a concept and are not said to, and the reverse."""
    knowledge = Knowledge(annotator=annotator)
    missed, invented = [], []
    for question, found in annotated_concepts(corpus, knowledge, locations).items():
        if question in IDLE_QUESTIONS:
            continue
        true = shown(corpus, question)
        assert sorted(found.positive + found.negative) == list(range(len(corpus)))
        missed.append(len(true & set(found.negative)) / len(true))
        invented.append(len(set(found.positive) - true) / (len(corpus) - len(true)))
    return float(np.mean(missed)), float(np.mean(invented))


def test_annotators_of_a_twin_err_more_and_less(
    corpus: ImageSet, shared_locations: Locations
) -> None:
    flan_t5 = wrong(corpus, "flan_t5", shared_locations)
    gpt4 = wrong(corpus, "gpt4", shared_locations)
    assert 0 < gpt4[0] < flan_t5[0] < 0.2
    assert 0 < gpt4[1] < flan_t5[1] < 0.05


def test_lists_of_a_twin_decide_which_concepts_there_are(
    corpus: ImageSet, shared_locations: Locations
) -> None:
    for source in SOURCES:
        found = annotated_concepts(corpus, Knowledge(source=source), shared_locations)
        assert tuple(found) == questions(CORPORA[corpus.name], source)  # type: ignore[arg-type]


def test_no_picture_answers_an_idle_question(corpus: ImageSet, shared_locations: Locations) -> None:
    found = annotated_concepts(corpus, Knowledge(source="prompt"), shared_locations)
    for question in IDLE_QUESTIONS:
        share = len(found[question].positive) / len(corpus)
        # A fair coin on 1,200 pictures: a standard error of 0.014.
        assert abs(share - 0.5) < 0.06


def test_fewer_reports_are_among_more_and_half_of_them_show_the_concept(
    corpus: ImageSet, shared_locations: Locations
) -> None:
    by_count = {
        n: annotated_concepts(corpus, Knowledge(reports=n), shared_locations)
        for n in (100, 500, 2000)
    }
    for question in FINDINGS[CORPORA[corpus.name]]:  # type: ignore[index]
        few, more, every = (
            set(found[question].positive + found[question].negative) for found in by_count.values()
        )
        assert few < more < every == set(range(len(corpus)))
        # 2,000 reports of the paper are all 1,200 pictures.
        assert (len(few), len(more)) == (60, 300)
        true = shown(corpus, question)
        assert len(few & true) >= 30
        assert len(more & true) >= min(150, len(true))
        agreed = set(by_count[2000][question].positive)
        assert set(by_count[100][question].positive) == agreed & few


def test_labels_of_a_multilabel_set_are_concepts_without_knowledge(
    shared_locations: Locations,
) -> None:
    images = load_split(DataRef(name="chexpert_twin", limit=60), "train", shared_locations)
    found = annotated_concepts(images, None, shared_locations)
    assert tuple(found) == images.classes
    for column, pictures in enumerate(found.values()):
        assert images.labels[pictures.positive, column].all()
        assert not images.labels[pictures.negative, column].any()
        assert len(pictures.positive) + len(pictures.negative) == 60


def test_knowledge_of_sets_that_have_none_is_refused(shared_locations: Locations) -> None:
    lesions = load_split(DataRef(name="lesion_findings_twin", limit=8), "val", shared_locations)
    with pytest.raises(ConfigError, match="'lesion_findings_twin' is not a multilabel set"):
        annotated_concepts(lesions, None, shared_locations)
    chests = load_split(DataRef(name="chexpert_twin", limit=8), "val", shared_locations)
    with pytest.raises(DatasetError, match="concepts of 'chexpert_twin'"):
        annotated_concepts(chests, Knowledge(), shared_locations)


def test_concepts_of_few_reports_are_kept_where_fewer_may_be_held_out() -> None:
    assert sample_concept(range(40), range(40, 100), 10_000, 2_000) is None
    found = sample_concept(range(40), range(40, 100), 10_000, 2_000, least_held_out=4)
    assert found is not None
    assert (len(found.val_positive), len(found.val_negative)) == (4, 4)
    assert len(found.train_positive) == len(found.train_negative) == 36
    assert sample_concept(range(39), range(40, 100), 10_000, 2_000, least_held_out=4) is None
    few = {"red?": AnnotatedPictures(positive=[0], negative=[1, 2])}
    with pytest.raises(DatasetError, match="no concept of 'x' is shown by 40 training pictures"):
        sample_concepts(few, "x", 10_000, 2_000, least_held_out=4)
