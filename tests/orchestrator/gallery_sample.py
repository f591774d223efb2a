"""A made-up study whose trials left pictures, delivered to a store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from fake_events import METRIC, T0, cell, new_store, place, session, trial, write
from report_cells import experiment
from report_cells import study as made

from orchestrator.events import CellEndEvent, Event
from orchestrator.tracking.shipper import Shipper
from search_spaces.study import Study
from trainables.segmentation.case_table import CaseTable
from trainables.segmentation.outputs import write_outputs
from trainables.segmentation.overlay import CasePicture

PROMPTS = tuple(f"p{i}" for i in range(8))
CASES = 12


def study() -> Study:
    """Return eight cells in one experiment, and one in another."""
    fine_tune = experiment("finetune", {"model": ["clipseg"], "prompt": list(PROMPTS)})
    return made(fine_tune, experiment("pooled", {"model": ["cris"]}))


def delivered(folder: Path, size_px: int = 48) -> str:
    """Return the address of a store that holds the study."""
    story: list[Event] = [session("made")]
    for k, prompt in enumerate(PROMPTS):
        at = place("finetune", {"model": "clipseg", "prompt": prompt})
        story += _cell(folder, f"c{k}", at, T0 + 1000 * k, size_px)
    story += _cell(folder, "pool", place("pooled", {"model": "cris"}), T0 + 9000, size_px)
    uri = new_store(folder)
    path = write(folder / "made" / "ledger.jsonl", story)
    shipper = Shipper(
        ledger_path=path, tracking_uri=uri, study="made", state_path=folder / "state.json"
    )
    while shipper.ship():
        pass
    assert shipper.refused == 0
    return uri


def _cell(folder: Path, name: str, at: dict[str, object], t: int, size_px: int) -> list[Event]:
    artifacts = folder / "made" / "trials" / name
    artifacts.mkdir(parents=True)
    _leave(artifacts, name, size_px)
    events: list[Event] = [cell(name, [at], t=t, weights_kind="twin")]
    end = {"metrics": {METRIC: 0.5}, "artifacts": f"trials/{name}"}
    events += trial(name, 0, phase="replicate", t=t + 10, **end)
    ids = [f"{name}-replicate-0"]
    done = CellEndEvent(t=t + 99, cell=name, state="complete", replicates=ids, chosen={})
    return [*events, done]


def _leave(artifacts: Path, name: str, size_px: int) -> None:
    scores = np.linspace(1.0, 0.1, CASES)
    table = CaseTable(
        ids=tuple(f"{name}/case_{i:02d}" for i in range(CASES)),
        domains=("kvasir",) * CASES,
        classes=("polyp",) * CASES,
        prompts=tuple(f'a <b>round</b> "{i}" polyp & nothing else' for i in range(CASES)),
        dice=scores,
        iou=scores / (2 - scores),
        dice_net=scores,
        iou_net=scores / (2 - scores),
        empty=np.arange(CASES) == 0,
    )
    write_outputs(artifacts, table, lambda index: _picture(index, size_px))


def _picture(index: int, size_px: int) -> CasePicture:
    rows, columns = np.mgrid[:size_px, : size_px * 5 // 4] / size_px
    shift = 0.02 * index
    truth_hw = ((rows - 0.5) / 0.2) ** 2 + ((columns - 0.6) / 0.28) ** 2 < 1
    prediction_hw = ((rows - 0.5 - shift) / 0.2) ** 2 + ((columns - 0.6 + shift) / 0.25) ** 2 < 1
    flesh = np.stack([200 - 60 * rows, 90 + 40 * columns, 80 + 30 * rows], axis=2)
    flesh[truth_hw] += 25
    grain = np.random.default_rng(index).normal(0, 6, flesh.shape)
    picture_hwc = np.clip(flesh + grain, 0, 255).astype(np.uint8)
    return CasePicture(picture_hwc=picture_hwc, truth_hw=truth_hw, prediction_hw=prediction_hw)
