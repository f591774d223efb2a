"""Cases as a network sees them: targets, channels, classes; and networks of several channels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_networks import config, trial

from trainables import segment, segment_transfer
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.card import DataCard
from trainables.data.image_set import Annotations, ImageSet
from trainables.data.pixels import ArrayPixels
from trainables.errors import ConfigError, DatasetError, WeightsError
from trainables.segmentation import cases as cases_module
from trainables.segmentation.case_texts import CaseTexts
from trainables.segmentation.cases import Cases, of_classes, open_cases
from trainables.segmentation.config import MaskMode, PromptConfig
from trainables.segmentation.model_files import load_segmenter
from trainables.segmentation.prompt_choice import PromptChoice
from trainables.segmentation.spec import SegmenterSpec

CLASSES = ("bleb", "spot", "none")
CNN = BackboneRef(card="unet_twin", weights="random")


class GreyMasks:
    """Masks as JPEG leaves them: near 0 and near 255."""

    def mask(self, row: int) -> torch.Tensor:
        mask_hw = torch.full((8, 12), 3, dtype=torch.uint8)
        mask_hw[2:6, row : row + 4] = 251
        return mask_hw


def image_set(labels: tuple[int, ...] = (0, 1, 0, 1)) -> ImageSet:
    card = DataCard(
        name="tiny", title="Tiny", task="multiclass", classes=CLASSES, domains=("here",),
        kind="synthetic", licence="CC0", module="unused",
    )  # fmt: skip
    count = len(labels)
    pixels = np.random.default_rng(0).integers(0, 256, (count, 3, 8, 12), dtype=np.uint8)
    return ImageSet.of(
        card,
        "train",
        "0" * 64,
        ArrayPixels([pixels]),
        Annotations(
            labels=np.array(labels),
            domain_of=np.array(["here"] * count),
            ids=np.array([f"case-{i}" for i in range(count)]),
            masks=GreyMasks(),
            prompts=[{"p0": ("",), "p1": (f"find {i}",)} for i in range(count)],
        ),
    )


def spec(mask_mode: MaskMode = "raw", **channels: tuple[str, ...]) -> SegmenterSpec:
    return SegmenterSpec(
        segmenter=CNN, seed=0, image_size_px=8, threshold=0.5, mask_mode=mask_mode,
        channels=channels,
    )  # fmt: skip


def opened(
    monkeypatch: pytest.MonkeyPatch, context: Context, of: SegmenterSpec, *classes: str
) -> Cases:
    monkeypatch.setattr(cases_module, "open_split", lambda *_: image_set())
    return open_cases(DataRef(name="tiny"), "train", of, context, classes)


@pytest.fixture
def context(tmp_path: Path, locations: Locations) -> Context:
    return Context.local(tmp_path / "trial", locations)


@pytest.mark.parametrize(
    ("mask_mode", "low", "high"), [("raw", 3 / 255, 251 / 255), ("binary", 0.0, 1.0)]
)
def test_grey_masks_are_soft_or_binary_targets(
    monkeypatch: pytest.MonkeyPatch,
    context: Context,
    mask_mode: MaskMode,
    low: float,
    high: float,
) -> None:
    cases = opened(monkeypatch, context, spec(mask_mode))
    target_khw = cases.target(0, cases.shrunk(0))
    assert target_khw.shape == (1, 8, 8)
    assert target_khw.unique().tolist() == pytest.approx([low, high])


def test_a_case_is_on_the_channel_of_its_class(
    monkeypatch: pytest.MonkeyPatch, context: Context
) -> None:
    cases = opened(monkeypatch, context, spec("binary", others=("spot", "none"), bleb=("bleb",)))
    assert [cases.channel(i) for i in range(4)] == [1, 0, 1, 0]
    target_khw = cases.target(1, cases.shrunk(1))
    assert target_khw[0].any()
    assert not target_khw[1].any()


def test_a_class_that_no_channel_answers_for_is_named(
    monkeypatch: pytest.MonkeyPatch, context: Context
) -> None:
    with pytest.raises(ConfigError, match="no channel answers for class 'spot'"):
        opened(monkeypatch, context, spec("raw", bleb=("bleb",)))
    kept = opened(monkeypatch, context, spec("raw", bleb=("bleb",)), "bleb")
    assert len(kept) == 2, "a class without a case needs none"


def test_the_cases_of_some_classes_keep_their_order() -> None:
    assert of_classes(image_set(), ("spot",)).ids.tolist() == ["case-1", "case-3"]
    assert of_classes(image_set(), ()).ids.tolist() == image_set().ids.tolist()
    with pytest.raises(ConfigError, match=r"has no class 'spt'.*'spot'"):
        of_classes(image_set(), ("spt",))
    with pytest.raises(DatasetError, match="tiny/train: no case of none"):
        of_classes(image_set(), ("none",))


def test_texts_of_a_network_that_reads_none_are_empty(
    monkeypatch: pytest.MonkeyPatch, context: Context
) -> None:
    cases = opened(monkeypatch, context, spec())
    parts = [torch.tensor([2, 0]), torch.tensor([1])]
    silent = CaseTexts(cases, None)
    assert silent.for_training(parts, 1) == [["", ""], [""]]
    assert silent.for_evaluation() == [("",)] * 4
    told = CaseTexts(cases, PromptChoice(PromptConfig(type="p1"), "tiny", 0))
    assert told.for_training(parts, 1) == [["find 2", "find 0"], ["find 1"]]
    assert told.possible() == {f"find {i}" for i in range(4)}


# Not in the order of their names: what sorts keys must not exchange channels.
CHANNELS = {"tumor": ("tumor", "benign", "malignant", "normal"), "polyp": ("polyp",)}


def channelled(epochs: int = 2) -> segment.Config:
    base = config(data=DataRef(name="busi_twin", limit=12), segmenter=CNN, epochs=epochs)
    return replace(base, channels=CHANNELS)


@pytest.mark.usefixtures("tiny")
def test_each_case_is_scored_on_the_channel_of_its_class(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    before = segment.run(channelled(), context)
    weights = load_file(context.artifacts / "model.safetensors")
    assert weights["segmenter.head.bias"].shape == (2,)
    # Without the other channel the same cases score the same.
    weights["segmenter.head.bias"][1] = -100.0
    save_file(weights, context.artifacts / "model.safetensors")
    again, _ = trial(tmp_path / "again", shared_locations, inputs={"trained": context.artifacts})
    moved = segment_transfer.Config(data=DataRef(name="busi_twin", limit=12), precision="fp32")
    assert segment_transfer.run(moved, again) == pytest.approx(before)
    polyps, _ = trial(tmp_path / "polyps", shared_locations, inputs={"trained": context.artifacts})
    moved = segment_transfer.Config(data=DataRef(name="etis_polyp_twin", limit=6), precision="fp32")
    segment_transfer.run(moved, polyps)
    rows = pq.read_table(polyps.artifacts / "cases.parquet").to_pylist()
    assert all(row["dice"] == float(row["empty_target"]) for row in rows), "it is silenced"


@pytest.mark.usefixtures("tiny")
def test_a_network_without_text_ignores_prompts_of_any_type(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    metrics = segment.run(replace(channelled(1), prompt=PromptConfig(type="p99")), context)
    assert "test/dice_net_shuffled" not in metrics
    rows = pq.read_table(context.artifacts / "cases.parquet").to_pylist()
    assert {row["prompt"] for row in rows} == {""}


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", b"{", "does not describe a trained segmenter"),
        ("config.json", b'{"segmenter": {"spec": 3}}', "does not describe a trained segmenter"),
        ("model.safetensors", b"junk", "cannot be read as weights"),
    ],
)
def test_damaged_files_are_named(
    shared_locations: Locations, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    segment.run(channelled(1), context)
    (context.artifacts / name).write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        load_segmenter(context.artifacts, shared_locations)
    (context.artifacts / name).unlink()
    with pytest.raises(WeightsError, match=f"{name} is missing"):
        load_segmenter(context.artifacts, shared_locations)
