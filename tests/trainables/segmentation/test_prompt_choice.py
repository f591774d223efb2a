"""Which text a case gets: by type, drawn by hash, the same everywhere."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from trainables.errors import ConfigError, DatasetError
from trainables.segmentation.config import PromptConfig
from trainables.segmentation.prompt_choice import PromptChoice

PROMPTS = {
    "p0": ("",),
    "p1": ("bleb",),
    "p2": ("round bleb", "bleb that is round"),
    "p3": ("one bleb", "a bleb", "single bleb", "bleb, alone", "just a bleb"),
}


def choice(seed: int = 7, **values: Any) -> PromptChoice:
    return PromptChoice(PromptConfig(**values), "blebs", seed)


def drawn(chooser: PromptChoice, epochs: int = 1, cases: int = 400) -> Counter[str]:
    return Counter(
        chooser.for_training(f"case-{i}", PROMPTS, epoch)
        for i in range(cases)
        for epoch in range(1, epochs + 1)
    )


def test_a_single_wording_is_always_taken() -> None:
    assert set(drawn(choice(type="p1"))) == {"bleb"}
    assert set(drawn(choice(type="p0"))) == {""}


def test_wordings_of_a_type_are_drawn_equally_often() -> None:
    counts = drawn(choice(type="p3"), epochs=10)
    assert set(counts) == set(PROMPTS["p3"])
    assert all(abs(n - 800) < 5 * 800**0.5 for n in counts.values())


def test_random_draws_types_equally_often_and_never_the_first() -> None:
    counts = drawn(choice(type="random"), epochs=10)
    by_type = {t: sum(counts[text] for text in texts) for t, texts in PROMPTS.items()}
    assert by_type["p0"] == 0
    assert all(abs(by_type[t] - 4000 / 3) < 5 * 40 for t in ("p1", "p2", "p3"))
    halves = [counts[text] for text in PROMPTS["p2"]]
    assert abs(halves[0] - halves[1]) < 5 * 40


def test_a_draw_depends_on_seed_epoch_and_case_alone() -> None:
    first, second = choice(type="p3"), choice(type="p3")
    cases = [f"case-{i}" for i in range(60)]
    texts = [first.for_training(case, PROMPTS, 4) for case in cases]
    backwards = [second.for_training(case, PROMPTS, 4) for case in reversed(cases)]
    assert texts == backwards[::-1], "whatever the order, as of several workers"
    assert texts != [first.for_training(case, PROMPTS, 5) for case in cases]
    assert texts != [choice(8, type="p3").for_training(case, PROMPTS, 4) for case in cases]


def test_evaluation_draws_once_for_all_epochs() -> None:
    chooser = choice(type="p3")
    texts = [chooser.for_evaluation(f"case-{i}", PROMPTS) for i in range(60)]
    assert texts == [chooser.for_evaluation(f"case-{i}", PROMPTS) for i in range(60)]
    assert {len(found) for found in texts} == {1}
    assert {found[0] for found in texts} == set(PROMPTS["p3"])


def test_evaluation_takes_the_first_or_all_wordings() -> None:
    assert choice(type="p2", at_evaluation="first").for_evaluation("x", PROMPTS) == ("round bleb",)
    assert choice(type="p2", at_evaluation="all").for_evaluation("x", PROMPTS) == PROMPTS["p2"]
    every = choice(type="random", at_evaluation="all").for_evaluation("x", PROMPTS)
    assert every == PROMPTS["p1"] + PROMPTS["p2"] + PROMPTS["p3"]


@pytest.mark.parametrize("mode", ["random", "first", "all"])
def test_an_override_takes_the_place_of_every_prompt(mode: Any) -> None:
    chooser = choice(type="p7", override="that thing", at_evaluation=mode)
    assert chooser.for_evaluation("x", PROMPTS) == ("that thing",)
    assert chooser.for_training("x", PROMPTS, 1) == "that thing"


@pytest.mark.parametrize("mode", ["random", "first", "all"])
def test_an_absent_type_is_named_with_its_data_set(mode: Any) -> None:
    chooser = choice(type="p9", at_evaluation=mode)
    with pytest.raises(DatasetError, match="'blebs' has no prompt of type 'p9'"):
        chooser.for_evaluation("x", PROMPTS)
    with pytest.raises(DatasetError, match="'blebs' has no prompt of type 'p9'"):
        chooser.for_training("x", PROMPTS, 1)


def test_random_without_prompts_to_draw_is_refused() -> None:
    with pytest.raises(DatasetError, match="'blebs' has no prompts to draw from"):
        choice(type="random").for_training("x", {"p0": ("",)}, 1)


@pytest.mark.parametrize("values", [{"type": ""}, {"at_evaluation": "best"}])
def test_impossible_choices_are_refused(values: Any) -> None:
    with pytest.raises(ConfigError, match="prompt"):
        PromptConfig(**values)
