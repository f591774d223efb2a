"""Many small convolutional networks on the same pictures, trained at once from the same weights.

Three convolutions of stride 2 with 6, 12 and 24 channels, the mean over the picture, a linear
layer; SGD with momentum and a cosine schedule. Networks are groups of one convolution. They share
the order of the pictures and what is flipped.

Axes: n pictures, c channels, h rows, w columns, b networks, k classes, e epochs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from replays.tables import Floats, Table, drawn
from scipy.stats import rankdata
from torch import Tensor, nn

from search_spaces.space import FloatRange, Space
from trainables.config import DataRef, seed_from
from trainables.context import Locations
from trainables.data.card import Split
from trainables.data.cards import get_data_card
from trainables.data.open import load_split
from trainables.data.transforms import EvalTransform

DATA = "isic2019_twin"
SIZE_PX = 24
EPOCHS = 27
BATCH = 50
CHANNELS = (3, 6, 12, 24)
TOGETHER = 32
"""Networks trained in one go: more of them leave the processor's cache."""

SPACE: Space = {
    "rate": FloatRange(low=1e-3, high=1.0, log=True),
    "momentum": FloatRange(low=0.0, high=0.98),
    "decay": FloatRange(low=1e-6, high=1e-1, log=True),
}

PROVENANCE = {
    "script": "python benchmarks/replay.py",
    "data": DATA,
    "size_px": SIZE_PX,
    "epochs": EPOCHS,
    "batch_size": BATCH,
    "channels": CHANNELS,
    "values": "mean one-against-rest AUC after each epoch",
    "torch": torch.__version__,
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a network is trained with; the values are those of many a paper."""

    trainable: ClassVar[str] = "convnets"
    version: ClassVar[int] = 1
    rate: float = 0.1
    momentum: float = 0.9
    decay: float = 1e-4


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """A split, normalised."""

    x_nchw: Tensor
    labels: Tensor


def record_table(networks: int, locations: Locations) -> Table:
    """Train networks drawn from the space."""
    splits = {name: _open(name, locations) for name in ("train", "val", "test")}
    seed = seed_from("convnets", DATA)
    params = drawn(SPACE, networks, seed)
    val, test = np.zeros((networks, EPOCHS)), np.zeros((networks, EPOCHS))
    for chosen in np.split(np.arange(networks), range(TOGETHER, networks, TOGETHER)):
        part = {name: values[chosen] for name, values in params.items()}
        val[chosen], test[chosen] = _train(part, seed, splits)
    return Table(
        space=SPACE, params=params, cost_r=np.arange(1.0, EPOCHS + 1), val_br=val, test_br=test
    )


def _open(split: Split, locations: Locations) -> Pictures:
    card = get_data_card(DATA)
    images = load_split(DataRef(name=DATA), split, locations)
    transform = EvalTransform(size_px=SIZE_PX, mean=card.mean, std=card.std).build()
    x_nchw = transform(images.pixels.images(images.rows))
    return Pictures(x_nchw=x_nchw, labels=torch.from_numpy(images.labels))


def _train(
    params: Mapping[str, NDArray[Any]], seed: int, splits: Mapping[str, Pictures]
) -> tuple[Floats, Floats]:
    """Return the AUC on validation and test pictures after every epoch, each (b, e)."""
    train = splits["train"]
    networks = _Networks(params, len(get_data_card(DATA).classes), seed)
    generator = torch.Generator().manual_seed(seed)
    val_eb, test_eb = [], []
    for epoch in range(EPOCHS):
        order = torch.randperm(len(train.labels), generator=generator)
        for number, rows in enumerate(order.split(BATCH)):
            x_nchw = train.x_nchw[rows]
            for axis in (2, 3):
                turned = torch.rand(len(rows), generator=generator) < 0.5
                x_nchw = torch.where(turned[:, None, None, None], x_nchw.flip(axis), x_nchw)
            done = (epoch + number * BATCH / len(order)) / EPOCHS
            networks.step(x_nchw, train.labels[rows], (1 + math.cos(math.pi * done)) / 2)
        val_eb.append(networks.auc_b(splits["val"]))
        test_eb.append(networks.auc_b(splits["test"]))
    return np.stack(val_eb, axis=1), np.stack(test_eb, axis=1)


class _Networks:
    def __init__(self, params: Mapping[str, NDArray[Any]], classes: int, seed: int) -> None:
        self.networks = len(params["rate"])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers: list[nn.Module] = [
                nn.Conv2d(before, after, 3) for before, after in itertools.pairwise(CHANNELS)
            ]
            layers.append(nn.Linear(CHANNELS[-1], classes))
        self.weights = [self._copies(p) for layer in layers for p in layer.parameters()]
        self.speeds = [torch.zeros_like(weight) for weight in self.weights]
        self.rate_b, self.momentum_b, self.decay_b = (
            torch.from_numpy(params[name]).float() for name in ("rate", "momentum", "decay")
        )

    def step(self, x_nchw: Tensor, labels: Tensor, share: float) -> None:
        """Take a step of SGD down each network's mean cross-entropy, at a share of its rate."""
        logits_nbk = self.logits_nbk(x_nchw)
        truth_nb = labels[:, None].expand(-1, self.networks)
        loss = nn.functional.cross_entropy(logits_nbk.flatten(0, 1), truth_nb.flatten())
        # The mean over all networks: each one's slopes are those of its own loss over their number.
        slopes = torch.autograd.grad(loss * self.networks, self.weights)
        with torch.no_grad():
            for weight, speed, slope in zip(self.weights, self.speeds, slopes, strict=True):
                shape = (-1, *[1] * (weight.dim() - 1))
                speed *= self.momentum_b.view(shape)
                speed += slope + self.decay_b.view(shape) * weight
                weight -= share * self.rate_b.view(shape) * speed

    def logits_nbk(self, x_nchw: Tensor) -> Tensor:
        *filters, head_bkc, head_bk = self.weights
        for layer, (weight, bias) in enumerate(zip(filters[::2], filters[1::2], strict=True)):
            x_nchw = nn.functional.conv2d(
                x_nchw,
                weight.flatten(0, 1),
                bias.flatten(),
                stride=2,
                padding=1,
                # All networks read the same picture, and each its own maps.
                groups=self.networks if layer else 1,
            ).relu()
        pooled_nbc = x_nchw.mean(dim=(2, 3)).view(len(x_nchw), self.networks, -1)
        return torch.einsum("nbc,bkc->nbk", pooled_nbc, head_bkc) + head_bk

    def auc_b(self, pictures: Pictures) -> Floats:
        """Return each network's mean AUC of one class against the rest; 0.5 if it diverged."""
        with torch.no_grad():
            scores_nbk = self.logits_nbk(pictures.x_nchw).softmax(dim=-1).nan_to_num().numpy()
        ranks_nbk = rankdata(scores_nbk, axis=0)
        labels = pictures.labels.numpy()
        aucs_kb = []
        for k in range(scores_nbk.shape[-1]):
            ranks_pb = ranks_nbk[labels == k, :, k]
            cases, others = len(ranks_pb), len(labels) - len(ranks_pb)
            aucs_kb.append((ranks_pb.mean(axis=0) - (cases + 1) / 2) / others)
        return np.asarray(np.mean(aucs_kb, axis=0))

    def _copies(self, weight: Tensor) -> Tensor:
        copies = weight.detach().repeat(self.networks, *[1] * weight.dim())
        return copies.requires_grad_()
