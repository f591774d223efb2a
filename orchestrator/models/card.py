"""The model card: what people have to know before they use a registered model, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.tracking.history import Replicate

_KINDS = {
    "classifier": "classifies pictures",
    "generaliser": "classifies pictures, also those of domains it was not trained on",
    "segmenter": "outlines structures in pictures",
    "bottleneck": "classifies pictures by concepts it names",
    "clip": "compares pictures with texts",
}
_MOST_METRICS = 24
_EQUAL = "none: seeds are equal"
_SHOWN_LABELS = 20
"""Classes listed by name; ``xenograft.json`` has all of them."""


def model_card(facts: Mapping[str, Any], replicates: Sequence[Replicate]) -> str:
    """Return the card of a model.

    Args:
        facts: see :func:`orchestrator.models.facts.model_facts`.
        replicates: all that make the number of its cell.
    """
    parts = [
        _head(facts),
        _results(facts, replicates),
        _use(),
        _pictures(facts),
        _origins(facts),
        _provenance(facts, len(replicates)),
        _commands(facts),
    ]
    return "\n\n".join(parts) + "\n"


def short_card(card: str, limit: int) -> str:
    """Return as many whole lines from the beginning of a card as a limit of characters allows."""
    if len(card) <= limit:
        return card
    rest = "\n\nThe whole card is `README.md` among the files.\n"
    head = card[: limit - len(rest)]
    return head[: head.rindex("\n")].rstrip() + rest


def _head(facts: Mapping[str, Any]) -> str:
    name = facts["names"][0]
    lines = [f"# {name}", "", f"A model that {_KINDS[facts['kind']]}. **Not for clinical use.**"]
    for place in facts["places"]:
        levels = ", ".join(f"{factor} = {level}" for factor, level in place["levels"].items())
        lines += ["", f"Table or figure `{place['experiment']}`: {levels}."]
    if len(facts["names"]) > 1:
        lines += [
            "",
            "Also registered as: " + ", ".join(f"`{n}`" for n in facts["names"][1:]) + ".",
        ]
    made_up = [
        *(f"data `{item['name']}`" for item in facts["data"] if item["kind"] != "real"),
        *(f"weights of `{item['card']}`" for item in facts["weights"] if item["kind"] == "twin"),
    ]
    if made_up:
        lines += ["", f"**A stand-in, made with {', '.join(made_up)}: it knows no medicine.**"]
    return "\n".join(lines)


def _results(facts: Mapping[str, Any], replicates: Sequence[Replicate]) -> str:
    n = len(replicates)
    objective = facts["objective"]
    lines = [
        "## Results",
        "",
        f"Mean over n = {n} replicates (seeds) and the 95 % interval of that mean, Student's t "
        f"with n - 1 degrees of freedom; it says nothing about other data. This model is "
        f"replicate {facts['replicate']}, the one with the best `{objective['metric']}` "
        f"({_number(objective['value'])}); the test had no part in the choice.",
        "",
        "| metric | mean | 95 % interval | n | this model |",
        "|---|---|---|---|---|",
        *_rows(facts, replicates),
    ]
    return "\n".join(lines)


def _rows(facts: Mapping[str, Any], replicates: Sequence[Replicate]) -> Iterator[str]:
    from orchestrator.report.number import interval_text, mean_text
    from orchestrator.report.statistics import summarise

    own: Mapping[str, float] = facts["metrics"]
    printed = {place["metric"] for place in facts["places"]}
    shared = [name for name in own if all(name in r.end.metrics for r in replicates)]
    shared.sort(key=lambda name: (name not in printed, not name.startswith("test/")))
    for name in shared[:_MOST_METRICS]:
        found = summarise([r.end.metrics[name] for r in replicates])
        if found is not None:
            interval = interval_text(found) or ("none: one seed" if found.n == 1 else _EQUAL)
            yield f"| {name} | {mean_text(found)} | {interval} | {found.n} | {_number(own[name])} |"
    if len(shared) > _MOST_METRICS:
        yield f"\n{len(shared) - _MOST_METRICS} more in `xenograft.json` and in the run."


def _use() -> str:
    return "\n".join(
        [
            "## Intended use",
            "",
            "Research: to repeat, compare and build on the numbers of a study, on pictures like "
            "those it was trained and tested on.",
            "",
            "Not for clinical use: no medical device, no finding and no diagnosis; not calibrated; "
            "not tested for fairness, on other cameras, hospitals or groups of patients unless a "
            "metric above says so. It answers for any picture, also for one of something else.",
        ]
    )


def _pictures(facts: Mapping[str, Any]) -> str:
    inputs, given = facts["inputs"], facts["inputs"]["preprocessing"]
    grey = ", read as grey levels" if facts["picture_channels"] == 1 else ""
    lines = [
        "## Pictures",
        "",
        f"PNG, JPEG, WebP, TIFF or BMP of 8 bits{grey}. The model prepares them itself: "
        f"{given['resize']} to {given['size_px']} x {given['size_px']} px "
        f"({given['interpolation']}), mean {_listed(given['mean'])}, sd {_listed(given['std'])}.",
    ]
    if inputs["classes"]:
        shown = ", ".join(f"`{name}`" for name in inputs["classes"][:_SHOWN_LABELS])
        more = len(inputs["classes"]) - _SHOWN_LABELS
        lines += ["", f"Tells apart: {shown}{f' and {more} more' if more > 0 else ''}."]
    if inputs["reads_texts"]:
        lines += ["", "Is asked with texts: what to compare with, or what to outline."]
    return "\n".join(lines)


def _origins(facts: Mapping[str, Any]) -> str:
    lines = ["## Data and weights", "", "| what | kind | licence | sha256 or digest |"]
    lines.append("|---|---|---|---|")
    for item in facts["data"]:
        row = (f"data `{item['name']}`", item["kind"], item["licence"], item["digest"][:16])
        lines.append(f"| {' | '.join(map(_cell, row))} |")
    for item in facts["weights"]:
        what = f"weights `{item['weights']}` of `{item['card']}`, trained on {item['trained_on']}"
        row = (what, item["kind"], item["licence"], item["digest"][:16])
        lines.append(f"| {' | '.join(map(_cell, row))} |")
    lines += ["", "Licences of data and weights bind the model that was made of them."]
    return "\n".join(lines)


def _provenance(facts: Mapping[str, Any], n: int) -> str:
    rows = {
        "trainable": f"{facts['trainable']}, version {facts['trainable_version']}",
        "recipe": facts["recipe"],
        "cell": facts["cell"],
        "trial": f"{facts['trial']} (replicate {facts['replicate']} of {n}, seed {facts['seed']})",
        **{f"chosen {name}": str(value) for name, value in facts["chosen"].items()},
        **facts["provenance"],
    }
    lines = ["## Provenance", "", "| | |", "|---|---|"]
    lines += [f"| {_cell(name)} | {_cell(str(text))} |" for name, text in rows.items()]
    return "\n".join([*lines, "", "The whole config is in `xenograft.json`."])


def _commands(facts: Mapping[str, Any]) -> str:
    name = facts["names"][0]
    asked = {"clip": ' --text "..."', "segmenter": ' --text "..."'}.get(facts["kind"], "")
    text = asked if facts["inputs"]["reads_texts"] else ""
    return "\n".join(
        [
            "## Commands",
            "",
            "```",
            f"xenograft predict {name}{text} picture.png",
            f"mlflow models serve -m models:/{name}@champion --env-manager local",
            "```",
        ]
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
