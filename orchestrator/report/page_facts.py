"""What the page says of all results together: cost, sources, machine, failures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from orchestrator.report import number
from orchestrator.report.results import DataSource, StudyResults, WeightsSource
from orchestrator.report.table import Table

_CODE = {"code.version": "Xenograft", "code.commit": "commit", "code.digest": "digest"}
_MACHINE = ("platform", "processor", "cpus", "gpus")


def glance(results: StudyResults, tables: Sequence[Table]) -> dict[str, str]:
    """Return the first lines of the page: verdicts, code, machine, data, seeds, cost, failures."""
    facts = provenance(results)
    code = [f"{words} {facts[name]}" for name, words in _CODE.items() if name in facts]
    machine = [
        f"{facts[name]} CPUs" if name == "cpus" else facts[name]
        for name in _MACHINE
        if name in facts
    ]
    lines = {
        "Against the paper": _against(tables),
        "Run": dates(results),
        "Code": ", ".join(code),
        "Machine": ", ".join(machine),
        "Data": _kinds(unique(results, "data"), "data set"),
        "Weights": _kinds(unique(results, "weights"), "set"),
        "Seeds": _seeds(results),
        "Cost": effort(results),
        "Failed trials": _failed(results),
    }
    return {name: text for name, text in lines.items() if text}


def _against(tables: Sequence[Table]) -> str:
    """Return the verdicts of all tables; each was corrected over its own table."""
    compared = [t for t in tables if t.verdicts]
    words = Counter(e.verdict.word for t in compared for e in t.entries if e.verdict is not None)
    if not words:
        return ""
    counts = ", ".join(f"{n} {word}" for word, n in words.most_common())
    return f"{counts}, over {len(compared)} {'table' if len(compared) == 1 else 'tables'}"


def _kinds(sources: Sequence[DataSource | WeightsSource], noun: str) -> str:
    """Return ``4 data sets: 3 real, 1 synthetic``."""
    if not sources:
        return ""
    counts = Counter(source.kind for source in sources)
    listed = ", ".join(f"{n} {kind}" for kind, n in counts.most_common())
    return f"{len(sources)} {noun if len(sources) == 1 else noun + 's'}: {listed}"


def _seeds(results: StudyResults) -> str:
    seeds = [trial.seed for cell in results.cells for trial in cell.replicates]
    if not seeds:
        return ""
    return f"{len(set(seeds))} in {len(seeds)} replicates; listed with each cell and in cells.csv"


def _failed(results: StudyResults) -> str:
    counts = results.failures()
    return ", ".join(f"{n} {kind}" for kind, n in counts.most_common()) or "none"


def dates(results: StudyResults) -> str:
    """Return the days of the first and the last cell that was planned."""
    days = sorted({_day(cell.planned) for cell in results.cells})
    return " to ".join(dict.fromkeys([*days[:1], *days[-1:]]))


def _day(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%d")


def effort(results: StudyResults) -> str:
    """Say what the numbers cost; the hours of trials that ran side by side add up."""
    search = [trial for cell in results.cells for trial in cell.search]
    replicates = [trial for cell in results.cells for trial in cell.replicates]
    failed = [trial for cell in results.cells for trial in cell.failed]
    every = {trial.trial: trial.hours or 0.0 for trial in (*search, *replicates, *failed)}
    pruned = sum(trial.state == "pruned" for trial in search)
    return (
        f"{number.duration_text(sum(every.values()))} of trial time: {len(results.cells)} cells, "
        f"{len(search)} search trials ({pruned} stopped early), {len(replicates)} replicates"
    )


def unique(results: StudyResults, attribute: str) -> list[DataSource | WeightsSource]:
    """Return the data sets or the weights of all cells, each once."""
    found = {item: None for cell in results.cells for item in getattr(cell, attribute)}
    return sorted(found, key=str)


def provenance(results: StudyResults) -> dict[str, str]:
    """Return what the cells ran on; a fact that differs between them lists every value."""
    values: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for cell in results.cells:
        for name, value in cell.provenance.items():
            values[name][value] = None
    return {name: ", ".join(values[name]) for name in sorted(values)}


def imports(results: StudyResults) -> list[Mapping[str, str]]:
    """Return what is known of each import, once."""
    found = {tuple(sorted(cell.provenance.items())): None for cell in results.imported}
    return [dict(facts) for facts in found]


def failures(results: StudyResults) -> list[dict[str, Any]]:
    """Return the failed trials by kind, the most frequent first, with cell and last error line."""
    by_kind: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for cell in results.cells:
        for trial in cell.failed:
            text = trial.error.strip().splitlines()
            by_kind[trial.failure].append((cell.name, text[-1] if text else ""))
    counted = sorted(by_kind.items(), key=lambda item: -len(item[1]))
    return [{"kind": kind, "trials": trials} for kind, trials in counted]
