"""What a rehearsal says of memory, against PyTorch's own count of a real step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from trainables.classify import Config as ClassifyConfig
from trainables.config import BackboneRef, DataRef, canonical
from trainables.context import Locations
from trainables.engine.config import OptimizerConfig
from trainables.generalisation.config import MethodConfig
from trainables.generalise import Config as GeneraliseConfig
from trainables.knn import Config as KnnConfig
from trainables.models.segmenter_cards import get_segmenter_card
from trainables.rehearsal.need import NoRehearsalError, needed_bytes
from trainables.rehearsal.tally import tallied
from trainables.segment import Config as SegmentConfig

TWIN = BackboneRef(card="resnet18_twin", weights="twin")
PICTURES = DataRef(name="imagenet_twin")


def _two_steps() -> None:
    torch.manual_seed(0)
    model = nn.TransformerEncoderLayer(64, 4, dim_feedforward=256, batch_first=True)
    optimizer = torch.optim.AdamW(model.parameters())
    x = torch.randn(16, 50, 64)
    for _ in range(2):
        optimizer.zero_grad(set_to_none=True)
        model(x).square().mean().backward()
        optimizer.step()


def _peak_of_allocator(work: Callable[[], None]) -> int:
    """Return the most bytes PyTorch's allocator had handed out at once, beyond those before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        work()
    results: Any = recorded.profiler
    moves = [e for e in results.kineto_results.events() if e.name() == "[memory]"]
    held, peak = 0, 0
    for move in sorted(moves, key=lambda e: e.start_ns()):
        held += move.nbytes()
        peak = max(peak, held)
    return peak


def test_the_peak_is_that_of_the_allocator_in_a_real_run() -> None:
    _two_steps()  # whatever is set up once
    real = _peak_of_allocator(_two_steps)
    with tallied() as tally:
        _two_steps()
    assert tally.peak_bytes == pytest.approx(real, rel=0.05)


def test_what_stays_after_steps_of_adam_is_four_times_the_parameters() -> None:
    with tallied() as tally:
        model = nn.Linear(100, 50, bias=False)
        optimizer = torch.optim.Adam(model.parameters(), foreach=False)
        x_nd = torch.zeros(8, 100)
        model(x_nd).sum().backward()
        optimizer.step()
        assert tally.live_bytes == 4 * (4 * 100 * 50 + 8 * 100)
        del model, optimizer, x_nd
        assert tally.live_bytes == 0


def test_numbers_that_are_read_are_zero_and_rates_are_as_they_are() -> None:
    with tallied():
        loss = torch.ones(3).sum()
        assert float(loss) == 0.0
        assert not bool(torch.ones(3).any())
        rates = [rate.item() for rate in torch.linspace(0, 0.1, 3)]
    assert rates == pytest.approx([0.0, 0.05, 0.1])


def _classify(**changes: Any) -> ClassifyConfig:
    return dataclasses.replace(
        ClassifyConfig(backbone=TWIN, data=PICTURES, batch_size=64), **changes
    )


def _need(config: Any, locations: Locations, workers: int = 1) -> int:
    return needed_bytes(config.trainable, canonical(config), locations, workers)


def test_what_batches_need_grows_with_them(locations: Locations) -> None:
    by_size = {n: _need(_classify(batch_size=n), locations) for n in (64, 128, 256)}
    rise = by_size[128] - by_size[64]
    assert rise > 0
    assert by_size[256] - by_size[128] == pytest.approx(2 * rise, rel=0.01)


def test_two_ranks_need_half_a_batch_each_and_room_to_exchange_gradients(
    locations: Locations,
) -> None:
    half = _need(_classify(batch_size=64), locations)
    rank = _need(_classify(batch_size=128), locations, workers=2)
    assert half < rank < _need(_classify(batch_size=128), locations)


def test_a_frozen_backbone_and_a_plain_optimizer_need_less(locations: Locations) -> None:
    adam = _need(_classify(), locations)
    plain = OptimizerConfig(name="sgd", momentum=0.0)
    assert _need(_classify(optimizer=plain), locations) < adam
    assert _need(_classify(freeze_backbone=True), locations) < 0.6 * adam


def test_half_precision_needs_less_also_where_a_cpu_has_none(locations: Locations) -> None:
    full = _need(_classify(batch_size=256), locations)
    assert _need(_classify(batch_size=256, precision="fp16"), locations) < full


def test_no_weights_are_read_and_no_twin_is_taught(locations: Locations) -> None:
    _need(_classify(), locations)
    assert not locations.store.exists()


def test_frozen_features_and_methods_of_several_domains_are_rehearsed(
    locations: Locations,
) -> None:
    knn = KnnConfig(backbone=TWIN, data=PICTURES)
    assert 0 < _need(knn, locations) < _need(_classify(), locations)
    domains = ("aptos", "eyepacs", "messidor")
    method = MethodConfig(name="erm", backbone=TWIN)
    needs = [
        _need(
            GeneraliseConfig(
                method=method,
                data=DataRef(name="dr_twin"),
                source_domains=domains[:sources],
                test_domains=("messidor_2",),
            ),
            locations,
        )
        for sources in (1, 2, 3)
    ]
    assert needs[2] - needs[1] == pytest.approx(needs[1] - needs[0], rel=0.01)


@pytest.mark.parametrize("card", ["clipseg_twin", "cris_twin", "unet_twin"])
def test_segmenters_are_rehearsed(card: str, locations: Locations) -> None:
    segmenter = BackboneRef(card=card, weights=get_segmenter_card(card).default_weights)
    needs = [
        _need(
            SegmentConfig(
                segmenter=segmenter, data=DataRef(name="kvasir_polyp_twin"), batch_size=n
            ),
            locations,
        )
        for n in (64, 128)
    ]
    assert 0 < needs[0] < needs[1] < 2 * needs[0]
    assert not locations.store.exists()


def test_what_is_not_known_is_said(locations: Locations) -> None:
    with pytest.raises(NoRehearsalError, match="'lsl' has no rehearsal"):
        needed_bytes("lsl", {}, locations)
    missing = dataclasses.replace(_classify(), data=DataRef(name="nowhere"))
    with pytest.raises(NoRehearsalError, match=r"failed: SelectionError: there is no data set"):
        _need(missing, locations)


def test_tensors_hold_numbers_again_afterwards() -> None:
    with tallied():
        torch.zeros(3)
    one: Tensor = torch.ones(3)
    assert float(one.sum()) == 3.0
