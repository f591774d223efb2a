"""What follows from the cells of the tables."""

from __future__ import annotations

from search_spaces.derived import Values
from search_spaces.medvlsm.grid import TUMOURS, prompt_types

_EMPTY = "p0"


def best_prompt(means: Values) -> Values:
    """Return the highest mean by model and data set, where every prompt has a number."""
    return {levels: max(by_prompt.values()) for levels, by_prompt in _complete(means).items()}


def mean_prompt(means: Values) -> Values:
    """Return the mean by model and data set over all prompts but the empty one."""
    found: dict[tuple[str, ...], float] = {}
    for levels, by_prompt in _complete(means).items():
        told = [mean for prompt, mean in by_prompt.items() if prompt != _EMPTY]
        found[levels] = sum(told) / len(told)
    return found


def best_of_tumours(means: Values) -> Values:
    """Return the highest mean by model, of a table without data sets."""
    return best_prompt({(model, TUMOURS, prompt): mean for (model, prompt), mean in means.items()})


def best_of_endoscopy(means: Values) -> Values:
    """Return the highest mean by model and data set, of models pooled over endoscopy."""
    return best_prompt(_endoscopy(means))


def mean_of_endoscopy(means: Values) -> Values:
    """Return the mean over prompts by model and data set, of models pooled over endoscopy."""
    return mean_prompt(_endoscopy(means))


def _endoscopy(means: Values) -> Values:
    return {
        (model, dataset, prompt): mean
        for (model, pool, dataset, prompt), mean in means.items()
        if pool == "pooled_polyp" and prompt in prompt_types("pooled_polyp")
    }


def _complete(means: Values) -> dict[tuple[str, ...], dict[str, float]]:
    """Return means by prompt, of the models and data sets that have one for every prompt."""
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for (model, dataset, prompt), mean in means.items():
        found.setdefault((model, dataset), {})[prompt] = mean
    return {
        levels: by_prompt
        for levels, by_prompt in found.items()
        if by_prompt.keys() >= set(prompt_types(levels[1]))
    }
