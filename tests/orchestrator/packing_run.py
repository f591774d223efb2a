"""Run the toy study on a Ray cluster with two GPUs that are not there, and write who was where.

A program of its own, because a process has one cluster. Trials only sleep, report and say which GPU
they were given.
"""

from __future__ import annotations

import io
import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import ray
from ray import tune
from rich.console import Console

import orchestrator.gpus.packing as packing
import orchestrator.runner as runner
import orchestrator.trial
from orchestrator.gpus.need import GpuNeed
from orchestrator.messages import Final, Report, pack, unpack_gpus, unpack_work
from orchestrator.plan import Plan, make_plan
from orchestrator.ray_cluster import ray_environment
from orchestrator.selection import Selection
from orchestrator.settings import resolve

GPUS, GPU_GIB, STEPS = 2, 80.0, 5
NEEDS_GIB = (60.0, 30.0, 15.0, 7.0)
"""Of the cells, in turn: a whole GPU, a half, a quarter, an eighth."""


def make_trial_function(environment: Any) -> Callable[[Mapping[str, Any]], None]:
    def trial(config: Mapping[str, Any]) -> None:
        work, began = unpack_work(config), time.time()
        for step in range(1, STEPS + 1):
            time.sleep(0.1)
            tune.report(pack(Report(step=step, metrics={"val/score": 1.0 / (1 + work.index)})))
        seen = {
            "cell": work.cell,
            "share": unpack_gpus(config),
            "gpus": ray.get_gpu_ids(),
            "from": began,
            "to": time.time(),
        }
        folder = environment.folder / "seen"
        folder.mkdir(exist_ok=True)
        (folder / f"{work.trial}.json").write_text(json.dumps(seen))
        tune.report(pack(Final(metrics={"test/score": 1.0}, artifacts=False)))

    return trial


def needs(plan: Plan, *_: Any) -> dict[str, GpuNeed]:
    every = itertools.cycle(NEEDS_GIB)
    return {cell.id: GpuNeed(gib=gib) for cell, gib in zip(plan.cells, every, strict=False)}


def main(folder: Path) -> None:
    # Before the module that uses it is imported, which is when trials are run.
    orchestrator.trial.make_trial_function = make_trial_function
    packing.gpu_needs = needs
    options = {"storage": folder, "gpus_per_worker": "auto", "gpu_memory_gib": GPU_GIB}
    settings = resolve({**options, "cpus_per_worker": 0.25}, {}, folder).settings
    ray_environment(settings)
    ray.init(
        address="local",
        num_cpus=4,
        num_gpus=GPUS,
        include_dashboard=False,
        object_store_memory=80 * 1024**2,
        log_to_driver=False,
    )
    selection = Selection(study="toy_package.study", recipe="paper", replicates=3)
    plan = make_plan(selection, settings.locations)
    runner.given_cluster = lambda _: nullcontext()
    outcome = runner.run_plan(plan, settings, Console(file=io.StringIO()))
    seen = [json.loads(path.read_text()) for path in (folder / "toy" / "seen").iterdir()]
    told = {"finished": outcome.finished, "failed": outcome.failed_cells, "seen": seen}
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
