"""What is measured of a method: parts of domains, at every record and at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from trainables.data.image_set import ImageSet
from trainables.generalisation.records import METRICS, Part, Record, metrics_in, recorded
from trainables.generalisation.splits import DomainParts, Domains
from trainables.metrics.classification import classification_metrics

Scorer = Callable[[ImageSet], Tensor]
"""Pictures -> logits_nk on the CPU."""

Metrics = dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What is evaluated at a record.

    Args:
        sources: the domains trained on; their out parts validate.
        targets: the held-out domains; None in a search trial.
        score_sources, score_targets: how their pictures are scored.
        complete: measure both parts of all domains; otherwise only those that some rule of
            selection asks for.
    """

    sources: Domains
    targets: Domains | None
    score_sources: Scorer
    score_targets: Scorer
    complete: bool

    def __call__(self, last: bool) -> tuple[Metrics, Record]:
        """Return the ``val/...`` metrics and the record; nothing of a target is in the former."""
        validated: dict[str, Metrics] = {}
        record: Record = {}
        for domain in self.sources.parts:
            for part in _parts("out", both=self.complete):
                measured = measure(self.sources, domain, part, self.score_sources)
                record |= recorded(domain, part, measured)
                if part == "out":
                    validated[domain.name] = measured
        if self.targets is not None:
            for domain in self.targets.parts:
                # The oracle looks at the out part, of the last record only.
                for part in _parts("in", both=self.complete or last):
                    measured = measure(self.targets, domain, part, self.score_targets)
                    record |= recorded(domain, part, measured)
        return _validation(validated), record


def _parts(needed: Part, both: bool) -> tuple[Part, ...]:
    return ("in", "out") if both else (needed,)


def measure(domains: Domains, domain: DomainParts, part: Part, score: Scorer) -> Metrics:
    """Return the classification metrics of one part of a domain."""
    images = domains.images.subset(domain.inside if part == "in" else domain.outside)
    return classification_metrics(score(images).numpy(), images.labels)


def final_metrics(targets: Domains, logits_nk: Tensor, last: Record) -> Metrics:
    """Return what a replicate ends with, of held-out domains only.

    ``test/...`` is of their in parts, as DomainBed reports; ``test_all/...`` of all their pictures.
    ``oracle/...`` and ``oracle_val/...`` are of the in and out parts at the last record: the oracle
    of DomainBed does not stop early, and chooses between configs by the out part. Each is the mean
    over the domains, and with the name of a domain its own.

    Args:
        logits_nk: of all pictures of the targets, by the state that validation chose.
        last: the last record, with both parts of every target.
    """
    labels = targets.images.labels
    families: dict[str, dict[str, Metrics]] = {
        family: {} for family in ("test", "test_all", "oracle", "oracle_val")
    }
    for domain in targets.parts:
        everything = np.concatenate([domain.inside, domain.outside])
        for family, rows in (("test", domain.inside), ("test_all", everything)):
            families[family][domain.name] = classification_metrics(logits_nk[rows], labels[rows])
        families["oracle"][domain.name] = metrics_in(last, domain, "in")
        families["oracle_val"][domain.name] = metrics_in(last, domain, "out")
    return {
        name: value
        for family, measured in families.items()
        for name, value in _with_mean(family, measured).items()
    }


def _validation(measured: dict[str, Metrics]) -> Metrics:
    kept = {
        domain: {name: metrics[name] for name in METRICS.values()}
        for domain, metrics in measured.items()
    }
    return _mean("val", list(measured.values())) | _of_domains("val", kept)


def _with_mean(family: str, measured: dict[str, Metrics]) -> Metrics:
    return _mean(family, list(measured.values())) | _of_domains(family, measured)


def _mean(family: str, measured: Sequence[Metrics]) -> Metrics:
    return {
        f"{family}/{name}": float(np.mean([metrics[name] for metrics in measured]))
        for name in measured[0]
    }


def _of_domains(family: str, measured: dict[str, Metrics]) -> Metrics:
    return {
        f"{family}/{domain}/{name}": value
        for domain, metrics in measured.items()
        for name, value in metrics.items()
    }
