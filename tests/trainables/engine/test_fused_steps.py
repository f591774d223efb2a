"""Optimizer steps in one kernel, and epochs that do not wait for the device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from trainables.context import Context, Locations
from trainables.data.image_set import ImageSet
from trainables.data.transforms import EvalTransform
from trainables.engine.batches import ImageBatch, image_batches
from trainables.engine.config import FitConfig, OptimizerConfig
from trainables.engine.loop import Training, fit
from trainables.engine.optimizer import create_optimizer

OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {"momentum": 0.9}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
}


class _Reads(TorchDispatchMode):
    """Counts where Python reads a number of a tensor, for which it waits for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        self.calls[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))

    @property
    def waits(self) -> int:
        # Python's float(), bool(), int() and item(), and shapes that depend on values.
        return sum(self.calls[name] for name in ("_local_scalar_dense", "nonzero", "is_nonzero"))


def _reads_of_an_epoch(images: ImageSet, batch_size: int, context: Context, **settings: Any) -> int:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(3))
    model(torch.zeros(2, 3, 16, 16))
    transform = EvalTransform(size_px=16, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bilinear")

    def batches(indices: Sequence[Tensor]) -> Iterator[ImageBatch]:
        return image_batches(images, transform, indices, context.device)

    def loss(module: nn.Module, batch: ImageBatch) -> Tensor:
        return functional.cross_entropy(module(batch.x_nchw), batch.labels)

    training: Training[ImageBatch] = Training(
        cases=len(images), batches=batches, loss=loss, evaluate=lambda _: {"val/accuracy": 0.5}
    )
    config = FitConfig(epochs=1, batch_size=batch_size, drop_last=True, **settings)
    with _Reads() as reads:
        fit(model, training, config, context)
    steps = len(images) // batch_size
    assert reads.calls["convolution_backward"] == steps, "the steps were not seen"
    return reads.waits


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_epoch_of_many_steps_waits_for_the_device_as_often_as_one_of_two(
    name: Any, precision: str, array_set: ImageSet, tmp_path: Path, locations: Locations
) -> None:
    settings = {
        "optimizer": OptimizerConfig(name=name),
        "precision": precision,
        "clip_norm": 1.0,
    }
    counts = [
        _reads_of_an_epoch(
            array_set, size, Context.local(tmp_path / str(size), locations), **settings
        )
        for size in (5, 2)
    ]
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "transposed"])
def test_a_step_equals_that_of_one_tensor_after_the_other(name: Any, layout: str) -> None:
    start = torch.randn(4, 6, 3, 3, generator=torch.Generator().manual_seed(0))
    if layout == "channels_last":
        start = start.to(memory_format=torch.channels_last)
    if layout == "transposed":
        start = start.transpose(0, 1)
    mine = nn.ParameterList([start.clone(), torch.ones(5)])
    plain = [nn.Parameter(p.detach().clone(memory_format=torch.contiguous_format)) for p in mine]
    kind, more = OPTIMIZERS[name]
    optimizer = create_optimizer(mine, OptimizerConfig(name=name, lr=0.1))
    reference = kind(plain, lr=0.1, weight_decay=0.0, foreach=False, **more)  # type: ignore[operator]
    # The gradient as autograd leaves it: strides of the parameter.
    for step in range(3):
        for p, q in zip(mine, plain, strict=True):
            q.grad = torch.sin(q.detach() + step)
            p.grad = torch.empty_like(p).copy_(q.grad)
        optimizer.step()
        reference.step()
        # A checkpoint brings moments back in the order of their indices.
        state = optimizer.state_dict()
        if layout == "transposed":
            for moments in state["state"].values():
                for key, value in moments.items():
                    if isinstance(value, Tensor):
                        moments[key] = value.contiguous()
        optimizer.load_state_dict(state)
    for p, q in zip(mine, plain, strict=True):
        torch.testing.assert_close(p.detach().contiguous(), q.detach())


def test_only_transposed_parameters_are_stepped_one_by_one() -> None:
    straight = nn.ParameterList([torch.ones(2, 3), torch.ones(2, 3, 4, 4)])
    turned = nn.ParameterList([torch.ones(2, 3).T])
    config = OptimizerConfig()
    assert create_optimizer(straight, config).param_groups[0]["fused"] is True
    assert create_optimizer(turned, config).param_groups[0]["fused"] is None
