"""Networks whose channels exclude each other: targets, loss, decision, trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from tiny_networks import config, trial

from trainables import segment, segment_transfer
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.image_set import ImageSet
from trainables.data.open import load_split
from trainables.errors import ConfigError, DatasetError
from trainables.predictors.predictor import load_predictor
from trainables.segmentation.cases import Cases, open_cases
from trainables.segmentation.channels import decided, probabilities
from trainables.segmentation.config import LossConfig
from trainables.segmentation.losses import case_losses

STRUCTURES = ("ventricle", "myocardium", "atrium")
CHANNELS = {"background": (), **{name: (name,) for name in STRUCTURES}}
HEARTS = DataRef(name="camus_twin")


def multiclass(**changes: object) -> segment.Config:
    cnn = config(data=HEARTS, segmenter=BackboneRef(card="unet_twin", weights="random"))
    base = replace(cnn, channels=CHANNELS, loss=LossConfig(name="tuned_dice"), batch_size=16)
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.fixture
def hearts(shared_locations: Locations, tmp_path: Path) -> Cases:
    context = Context.local(tmp_path / "trial", shared_locations)
    return open_cases(HEARTS, "val", multiclass().spec(seed=0), context)


def _masks(images: ImageSet, index: int) -> list[torch.Tensor]:
    """Return the three masks of the picture of a case, found by its pixels."""
    same = [k for k in range(len(images)) if torch.equal(images.image(k), images.image(index))]
    return [images.mask(k) > 127 for k in sorted(same, key=lambda k: int(images.labels[k]))]


def test_a_target_has_all_structures_of_the_picture_and_the_rest_is_background(
    hearts: Cases,
) -> None:
    for index in (0, 4, 8):
        target_khw = hearts.target(index, hearts.shrunk(index))
        covered = torch.zeros(64, 64)
        for channel, mask_hw in enumerate(_masks(hearts.images, index), start=1):
            small_hw = mask_hw[::2, ::2] if target_khw.shape[1] == 32 else mask_hw
            assert target_khw[channel].shape == small_hw.shape
            covered = covered + mask_hw
        torch.testing.assert_close(target_khw.sum(dim=0), torch.ones(target_khw.shape[1:]))
        assert 0 < float(target_khw[0].mean()) < 1
        assert float(target_khw[1:].sum()) == pytest.approx(float(covered.sum()) / 4, rel=0.1)


def test_training_sees_each_picture_once_with_the_same_target(hearts: Cases) -> None:
    once = hearts.one_per_picture()
    assert len(once) == len(hearts) // 3
    assert len({once.images.picture_of(k) for k in range(len(once))}) == len(once)
    torch.testing.assert_close(
        once.target(2, once.shrunk(2)), hearts.target(6, hearts.shrunk(6)), rtol=0, atol=0
    )


@pytest.mark.parametrize(
    ("data", "classes"), [(DataRef(name="camus_twin", limit=10), ()), (HEARTS, ("ventricle",))]
)
def test_a_picture_without_one_of_its_structures_is_refused(
    data: DataRef, classes: tuple[str, ...], shared_locations: Locations, tmp_path: Path
) -> None:
    context = Context.local(tmp_path / "trial", shared_locations)
    with pytest.raises(DatasetError, match=r"has no case of '\w+'.*data.limit and classes"):
        open_cases(data, "val", multiclass().spec(seed=0), context, classes)


def test_one_channel_wins_each_pixel() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 5, 6)
    won = decided(logits, 0.9, exclusive=True)
    assert torch.equal(won.sum(dim=1), torch.ones(2, 5, 6, dtype=torch.int64))
    for n, h, w in ((0, 0, 0), (1, 4, 5), (1, 2, 3)):
        assert int(won[n, :, h, w].nonzero()) == max(range(4), key=lambda k: logits[n, k, h, w])
    alone = decided(logits, 0.9, exclusive=False)
    assert torch.equal(alone, logits > np.log(0.9 / 0.1))


def test_tuned_dice_is_of_a_softmax_over_the_channels_that_show_something() -> None:
    torch.manual_seed(1)
    logits = torch.randn(2, 4, 5, 5)
    target = torch.nn.functional.one_hot(torch.randint(0, 3, (2, 5, 5)), 4).movedim(3, 1).float()
    loss_n, counted_n = case_losses(logits, target, LossConfig(name="tuned_dice"), exclusive=True)
    for case in range(2):
        p = logits[case].exp() / logits[case].exp().sum(dim=0)
        dice = [
            (2 * (p[k] * target[case, k]).sum() + 1e-5)
            / (p[k].sum() + target[case, k].sum() + 1e-5)
            for k in range(3)  # nothing is on the fourth
        ]
        assert float(loss_n[case]) == pytest.approx(1 - float(sum(dice)) / 3, abs=1e-6)
    assert counted_n.tolist() == [1, 1]
    torch.testing.assert_close(
        probabilities(logits, exclusive=True).sum(dim=1), torch.ones(2, 5, 5)
    )


def test_dice_bce_has_the_cross_entropy_of_the_softmax() -> None:
    torch.manual_seed(2)
    logits, classes = torch.randn(3, 4, 5, 5), torch.randint(0, 4, (3, 5, 5))
    target = torch.nn.functional.one_hot(classes, 4).movedim(3, 1).float()
    entropy = LossConfig(name="dice_bce", lambda_dice=0, lambda_ce=1)
    loss_n, _ = case_losses(logits, target, entropy, exclusive=True)
    expected = torch.nn.functional.cross_entropy(logits, classes)
    torch.testing.assert_close(loss_n.mean(), expected)


@pytest.mark.parametrize(
    "channels", [{"a": (), "b": ()}, {"a": ()}, {"a": ("x",), "b": (), "c": ()}]
)
def test_one_background_at_most_and_not_alone(channels: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ConfigError, match="names no class: one may, the background"):
        multiclass(channels=channels)


@pytest.mark.usefixtures("tiny")
def test_a_trial_learns_all_structures_and_its_masks_do_not_overlap(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, reports = trial(tmp_path / "trial", shared_locations)
    metrics = segment.run(multiclass(epochs=4, masks=True), context)
    assert reports[-1]["train/loss"] < reports[0]["train/loss"]
    of_structures = [metrics[f"test/class/{name}/dice"] for name in STRUCTURES]
    assert metrics["test/dice"] == pytest.approx(np.mean(of_structures))
    images = load_split(HEARTS, "test", shared_locations)
    rows = pq.read_table(context.artifacts / "cases.parquet").to_pylist()
    drawn: dict[str, list[np.ndarray]] = {}
    for index, row in enumerate(rows):
        mask_hw = np.asarray(Image.open(context.artifacts / "masks" / f"{row['case']}.png")) > 0
        drawn.setdefault(images.picture_of(index), []).append(mask_hw)
    assert {len(masks) for masks in drawn.values()} == {3}
    assert all(np.sum(masks, axis=0).max() <= 1 for masks in drawn.values())
    assert any(np.any(masks) for masks in drawn.values())
    found = load_predictor(context.artifacts, shared_locations).predict(images.image(0))
    assert list(found.masks_hw) == list(STRUCTURES)
    for name, drawn_hw in zip(STRUCTURES, drawn[images.picture_of(0)], strict=True):
        assert np.array_equal(found.masks_hw[name].numpy(), drawn_hw)
    again, _ = trial(tmp_path / "again", shared_locations, inputs={"trained": context.artifacts})
    moved = segment_transfer.Config(data=HEARTS, precision="fp32")
    assert segment_transfer.run(moved, again) == pytest.approx(metrics)
