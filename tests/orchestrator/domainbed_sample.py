"""DomainBed sweep folders for tests: the published logs of CoOpLVT, and small made-up ones."""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.domainbed_log import Job, LogMetric, LogRecord, Part, setting_of
from orchestrator.domainbed_log.names import DOMAINS
from orchestrator.import_domainbed.identity import legacy_job_md5
from trainables.generalisation.splits import seed_hash

LOGS = Path(__file__).parents[1] / "golden" / "coop_lvt" / "training_logs.csv"
ALGORITHM = "Clip_train_prompt_from_image_v2"
OVERRIDES = '{"weight_init":"clip_full","backbone":"ClipBase","lr":0.000005}'
ENVIRONMENT = """Environment:
\tPython: 3.8.11
\tPyTorch: 1.9.0
\tTorchvision: 0.10.0
\tCUDA: 10.2
\tCUDNN: 7605
\tNumPy: 1.21.1
\tPIL: 9.1.0
Args:
\talgorithm: Clip_train_prompt_from_image_v2
"""


def train_args(test_envs: Sequence[int], trial_seed: int, **changes: Any) -> dict[str, Any]:
    """Return what the published sweep asked of a job."""
    asked = {
        "algorithm": ALGORITHM,
        "data_dir": "/nfs/users/ext_group8/Dataset/224_data/",
        "dataset": "DR",
        "holdout_fraction": 0.2,
        "hparams": OVERRIDES,
        "hparams_seed": 0,
        "task": "domain_generalization",
        "test_envs": list(test_envs),
        "trial_seed": trial_seed,
        **changes,
    }
    names = ("dataset", "algorithm", "test_envs", "hparams_seed", "trial_seed")
    return {**asked, "seed": seed_hash(*(asked[name] for name in names))}


def logged(asked: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    """Return one line of a log as DomainBed writes it."""
    rest = {"output_dir": f"out/{legacy_job_md5(asked)}", "steps": None, "checkpoint_freq": None}
    hparams = {"lr": 5e-6, "batch_size": 32, "test_env": asked["test_envs"][0]}
    return {"args": {**rest, **asked}, "hparams": hparams, "step_time": 1.2, **values}


def write_job(
    sweep: Path,
    asked: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
    *,
    done: bool = True,
) -> Path:
    """Write the folder of one job, under the name that DomainBed gives it."""
    folder = sweep / legacy_job_md5(asked)
    folder.mkdir(parents=True)
    lines = [json.dumps(logged(asked, **record), sort_keys=True) + "\n" for record in records]
    (folder / "results.jsonl").write_text("".join(lines))
    (folder / "out.txt").write_text(ENVIRONMENT)
    if done:
        (folder / "done").write_text("done")
    return folder


@functools.cache
def published_records() -> dict[tuple[int, int], list[dict[str, float]]]:
    """Return (held-out environment, trial_seed) -> the records of its job."""
    found: dict[tuple[int, int], list[dict[str, float]]] = {}
    with LOGS.open() as file:
        for row in csv.DictReader(file):
            place = int(row.pop("test_env")), int(row.pop("trial_seed"))
            step = int(row.pop("step"))
            found.setdefault(place, []).append(
                {"step": step, **{key: float(value) for key, value in row.items()}}
            )
    return found


def write_published(sweep: Path) -> Path:
    """Write the twelve jobs of the published sweep."""
    for (env, trial_seed), records in published_records().items():
        write_job(sweep, train_args([env], trial_seed), records)
    return sweep


def record(step: int, values: Mapping[str, float]) -> LogRecord:
    """Return a record; keys as in ``0_out_acc``."""
    parsed: dict[tuple[int, Part, LogMetric], float] = {}
    for key, value in values.items():
        env, part, metric = key.split("_")
        parsed[int(env), part, metric] = value  # type: ignore[index]
    return LogRecord(step=step, values=parsed)


def job(
    test_envs: Sequence[int], trial_seed: int, *records: LogRecord, origin: str = "", **args: Any
) -> Job:
    """Return a job with made-up records."""
    asked = train_args(test_envs, trial_seed, **args)
    return Job(
        name=legacy_job_md5(asked),
        args=asked,
        hparams={},
        records=records,
        setting=setting_of(asked),
        method=asked["algorithm"],
        domains=DOMAINS,
        origin=origin,
    )
