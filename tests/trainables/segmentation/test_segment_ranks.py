"""Two ranks train and score segmenters as one does. Ranks talk gloo."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from spawned_ranks import WORLD, spawn_ranks
from tiny_networks import FROZEN, TinyConvolutional, build_tiny, config, trial
from torch import distributed

from trainables import segment, segment_transfer
from trainables.config import DataRef
from trainables.context import Context, Locations
from trainables.engine.config import OptimizerConfig
from trainables.errors import ConfigError
from trainables.models.segmenter_cards import get_segmenter_card
from trainables.segmentation import network
from trainables.segmentation.config import LossConfig
from trainables.segmentation.ranks import check_shares

# Batches of 5 and a last one of 3: no rank has what the other one has.
DATA = DataRef(name="busi_twin", limit=13)
NAMES = ("frozen", "convolutional", "tuned_dice")

pytestmark = pytest.mark.integration


def build_convolutional(*_: Any, **__: Any) -> TinyConvolutional:
    torch.manual_seed(5)
    return TinyConvolutional(get_segmenter_card(FROZEN.card), 1, norm=False)


def trained(name: str, folder: Path, locations: Locations, rank: int, world: int) -> dict[str, Any]:
    """Train, then test what was trained once more; return reports and metrics."""
    network.build_segmenter = build_tiny if name == "frozen" else build_convolutional
    base = config(
        data=DATA,
        batch_size=5,
        epochs=3,
        # Its steps are as large as the gradients are: a wrong scale would show.
        optimizer=OptimizerConfig(name="sgd", lr=0.1, weight_decay=1e-3),
        masks=True,
    )
    if name == "tuned_dice":
        base = replace(base, loss=LossConfig(name="tuned_dice"))
    context, reports = trial(folder / name, locations, rank=rank, world_size=world)
    final = segment.run(base, context)
    if world > 1:
        distributed.barrier()  # the other trial begins when this one has ended
    again, _ = trial(
        folder / f"{name}-again", locations, rank=rank, world_size=world,
        inputs={"trained": Context.local(folder / name, locations).artifacts},
    )  # fmt: skip
    moved = segment_transfer.run(segment_transfer.Config(data=DATA, precision="fp32"), again)
    return {"reports": reports, "final": final, "moved": moved}


def rank_main(rank: int, folder: Path, locations: Locations) -> None:
    outcomes = {}
    for name in NAMES:
        outcomes[name] = trained(name, folder / "together", locations, rank, WORLD)
    (folder / f"rank-{rank}.json").write_text(json.dumps(outcomes))


Outcomes = tuple[Path, dict[str, Any], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def outcomes(shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    folder = tmp_path_factory.mktemp("segment_ranks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "build_segmenter", build_tiny)
        alone = {name: trained(name, folder / "alone", shared_locations, 0, 1) for name in NAMES}
    spawn_ranks(rank_main, folder, shared_locations)
    ranks = [json.loads((folder / f"rank-{r}.json").read_text()) for r in range(WORLD)]
    return folder, alone, ranks


@pytest.mark.parametrize("name", NAMES)
def test_two_ranks_train_the_same_weights_as_one(outcomes: Outcomes, name: str) -> None:
    one, two = (
        load_file(outcomes[0] / side / name / "artifacts" / "model.safetensors")
        for side in ("alone", "together")
    )
    assert one.keys() == two.keys()
    for tensor in one:
        torch.testing.assert_close(two[tensor], one[tensor], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_two_ranks_report_and_test_as_one(outcomes: Outcomes, name: str) -> None:
    _, alone, ranks = outcomes
    for rank in ranks:
        for mine, theirs in zip(rank[name]["reports"], alone[name]["reports"], strict=True):
            assert mine == pytest.approx(theirs, abs=1e-4)
        assert rank[name]["final"] == pytest.approx(alone[name]["final"], abs=1e-4)
        assert rank[name]["moved"] == pytest.approx(alone[name]["moved"], abs=1e-4)


def test_no_case_is_scored_twice_and_every_mask_is_there(outcomes: Outcomes) -> None:
    folder = outcomes[0] / "together" / "frozen" / "artifacts"
    cases = pq.read_table(folder / "cases.parquet")["case"].to_pylist()
    assert len(cases) == len(set(cases)) == 13
    masks = {str(p.relative_to(folder / "masks"))[:-4] for p in (folder / "masks").rglob("*.png")}
    assert masks == set(cases)


@pytest.mark.parametrize(
    ("cases", "batch_size", "fits"),
    [(8, 4, True), (11, 4, False), (9, 4, True), (10, 4, False), (12, 2, False)],
)
def test_norms_that_would_see_one_case_are_refused(
    locations: Locations, tmp_path: Path, cases: int, batch_size: int, fits: bool
) -> None:
    """A last batch of one is left out; of two or three, a rank of two would have one."""
    card = get_segmenter_card("deeplabv3plus_twin")
    context, _ = trial(tmp_path, locations, world_size=2)
    if fits:
        check_shares(cases, batch_size, card, context)
        return
    with pytest.raises(ConfigError, match="needs 2 at once"):
        check_shares(cases, batch_size, card, context)
