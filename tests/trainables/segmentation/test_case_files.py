"""Cases in files of any size: the same batches from any number of loaders, scores at their size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_networks import TinyConvolutional
from torch import Tensor

from trainables.config import BackboneRef
from trainables.context import Context, Locations
from trainables.data.card import DataCard
from trainables.data.image_set import Annotations, ImageSet
from trainables.data.pixels import FileMasks, FilePixels, read_mask
from trainables.errors import DatasetError
from trainables.models.segmenter_cards import get_segmenter_card
from trainables.segmentation.batches import CaseLoader
from trainables.segmentation.cases import Cases
from trainables.segmentation.evaluation import Judgement, Scorer
from trainables.segmentation.network import NetworkInput, TrainedNetwork
from trainables.segmentation.spec import SegmenterSpec

SIZES = [(20, 30), (16, 16), (41, 17), (8, 50), (33, 33)]
SIDE = 16


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    rng = np.random.default_rng(0)
    pictures, masks = [], []
    for number, (height, width) in enumerate(SIZES):
        picture, mask = tmp_path / f"{number}.png", tmp_path / f"{number}_mask.png"
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(picture)
        marked = np.zeros((height, width), dtype=np.uint8)
        marked[height // 4 : height // 2, width // 3 :] = 255
        Image.fromarray(marked).save(mask)
        pictures.append(picture)
        masks.append(mask)
    card = DataCard(
        name="files", title="Files", task="multiclass", classes=("bleb",), domains=("here",),
        kind="synthetic", licence="CC0", module="unused",
    )  # fmt: skip
    count = len(SIZES)
    return ImageSet.of(
        card, "test", "0" * 64, FilePixels(pictures),
        Annotations(
            labels=np.zeros(count, dtype=np.int64),
            domain_of=np.array(["here"] * count),
            ids=np.array([f"case-{i}" for i in range(count)]),
            masks=FileMasks(masks, read_mask),
        ),
    )  # fmt: skip


def cases_of(images: ImageSet) -> Cases:
    spec = SegmenterSpec(
        segmenter=BackboneRef(card="unet_twin", weights="random"), seed=0, image_size_px=SIDE,
        threshold=0.5, mask_mode="raw",
    )  # fmt: skip
    return Cases(
        images=images, transform=spec.transform, mask_mode="raw", channel_of=(0,), channels=1
    )


@pytest.fixture
def context(tmp_path: Path, locations: Locations) -> Context:
    return Context.local(tmp_path / "trial", locations)


def tiny() -> TinyConvolutional:
    torch.manual_seed(0)
    return TinyConvolutional(get_segmenter_card("unet_twin"), 1, norm=False)


@pytest.mark.integration
def test_batches_do_not_depend_on_how_many_processes_load_them(
    images: ImageSet, context: Context
) -> None:
    parts = [torch.tensor([3, 0]), torch.tensor([4, 1, 2])]
    texts = [[""] * len(part) for part in parts]
    loaded = [
        list(
            CaseLoader(cases_of(images), tiny(), replace(context, loader_workers=workers)).batches(
                parts, texts
            )
        )
        for workers in (0, 2)
    ]
    for alone, together in zip(*loaded, strict=True):
        assert torch.equal(alone.indices, together.indices)
        assert alone.given.pixels_nchw is not None
        assert together.given.pixels_nchw is not None
        assert torch.equal(alone.given.pixels_nchw, together.given.pixels_nchw)
        assert torch.equal(alone.target_nkhw, together.target_nkhw)


class Oracle(TrainedNetwork):
    """Knows the masks of the cases in order."""

    def __init__(self, cases: Cases) -> None:
        super().__init__(tiny(), encoder_train_mode=False)
        self.logits = [100 * cases.target(i, cases.shrunk(i)) - 50 for i in range(len(cases))]

    def forward(self, given: NetworkInput) -> Tensor:
        assert given.pixels_nchw is not None
        answers, self.logits = (
            self.logits[: len(given.pixels_nchw)], self.logits[len(given.pixels_nchw) :],
        )  # fmt: skip
        return torch.stack(answers)


def test_a_perfect_network_is_perfect_at_its_size_and_nearly_so_at_that_of_the_file(
    images: ImageSet, context: Context
) -> None:
    cases = cases_of(images)
    taken: dict[int, Tensor] = {}
    judgement = Judgement(
        threshold=0.5, precision="fp32", batch_size=2, stored_size=True,
        take_mask=taken.__setitem__,
    )  # fmt: skip
    loader = CaseLoader(cases, tiny(), context)
    scores = Scorer(Oracle(cases), loader, judgement, context).score([("",)] * len(cases))
    assert scores["dice_net"].tolist() == [1.0] * 5
    assert (scores["dice"] > 0.7).all()
    assert scores["dice"][1] == 1.0, "it has the size of the network"
    assert [tuple(taken[i].shape) for i in range(5)] == SIZES


def test_a_mask_that_is_not_there_is_named(images: ImageSet, context: Context) -> None:
    gone = images.masks.paths[2]  # type: ignore[union-attr]
    gone.unlink()
    loader = CaseLoader(cases_of(images), tiny(), context)
    with pytest.raises(DatasetError, match=r"2_mask\.png"):
        list(loader.batches([torch.tensor([2])], [[""]]))
