"""The one training loop: epochs, reports, checkpoints, the best state, one rank or several.

An epoch starts from a seed of its own, so a resumed run repeats exactly what an uninterrupted one
does (bit for bit on a CPU). Nothing waits for the device inside an epoch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from trainables.config import seed_from
from trainables.context import Context, State
from trainables.engine.compiled import compiled
from trainables.engine.config import FitConfig
from trainables.engine.distributed import (
    share_buffers,
    sum_over_ranks,
    with_synchronised_norms,
    wrap,
)
from trainables.engine.micro_batches import Split, require_parts, synchronising, why_whole
from trainables.engine.optimizer import create_optimizer
from trainables.engine.placement import place
from trainables.engine.precision import autocast, create_scaler
from trainables.engine.sampling import global_batches, local_share
from trainables.engine.schedule import Schedule
from trainables.engine.selection import Best, selection_value, snapshot
from trainables.engine.stopping import Stopping

logger = logging.getLogger(__name__)

BatchT = TypeVar("BatchT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Training(Generic[BatchT]):
    """What is trained on, and how it is judged.

    Args:
        cases: size of the training set.
        batches: index batches -> one batch each, on the device, in the same order.
        loss: model and batch -> mean loss over the batch's cases.
        evaluate: optimizer steps taken -> ``val/...`` metrics of the model as it is, the same on
            every rank; ``val/loss`` among them when the schedule watches it.
        begin_epoch: told the number of every epoch before its batches are asked for, where they
            differ between epochs by more than their order.
        split: cuts a batch that does not fit the memory; None for a loss that needs all of it.
        compiles: the model can be compiled, and is large enough to be worth it.
    """

    cases: int
    batches: Callable[[Sequence[Tensor]], Iterator[BatchT]]
    loss: Callable[[nn.Module, BatchT], Tensor]
    evaluate: Callable[[int], dict[str, float]]
    begin_epoch: Callable[[int], None] | None = None
    split: Split[BatchT] | None = None
    compiles: bool = False


class _Validation(NamedTuple):
    """One validation: what it is compared by, and everything it measured."""

    value: float
    metrics: dict[str, float]


def fit(model: nn.Module, training: Training[BatchT], config: FitConfig, context: Context) -> Best:
    """Train in place, report every epoch (step = epoch, from 1), end at the best state.

    A report is of the best validation of its epoch when there are several.

    Raises:
        NonFiniteLossError: the loss of an epoch is NaN or infinite.
        ConfigError: evaluate() does not return the metric that selects.
        ResourceError: batches are to be computed in parts, and this training needs them whole.
    """
    run = _Run(model, training, config, context)
    for epoch in range(run.resume() + 1, config.epochs + 1):
        if run.schedule.exhausted or run.stopping.ended(epoch - 1):
            break
        run.epoch(epoch)
    return run.load_best()


def rehearse(
    model: nn.Module,
    training: Training[BatchT],
    config: FitConfig,
    context: Context,
    workers: int,
) -> None:
    """Take two optimizer steps, the second with the state of the first, and validate once.

    Where tensors have no contents, as in :mod:`trainables.rehearsal`: nothing is read of them.

    Args:
        workers: ranks, of which this is one; the others are left out.
    """
    run = _Run(model, training, config, context)
    run.wrapped = wrap(run.model, context)
    everything = torch.arange(training.cases)
    # Ranks collect gradients in buckets.
    held = like_gradients(model) if workers > 1 else []
    for batch in training.batches([everything, everything]):
        run._step(batch, weight=1.0)
    # On a GPU, an optimizer changes all parameters at once, by way of a tensor of each one's size.
    held += like_gradients(model)
    del held
    training.evaluate(2)


def like_gradients(model: nn.Module) -> list[Tensor]:
    """Return a tensor of the size of each gradient."""
    return [torch.empty_like(p) for p in model.parameters() if p.requires_grad]


class _Run(Generic[BatchT]):
    """Everything a checkpoint holds, and the steps that change it."""

    def __init__(
        self, model: nn.Module, training: Training[BatchT], config: FitConfig, context: Context
    ) -> None:
        self.training, self.config, self.context = training, config, context
        self.compiles = context.compile and training.compiles
        model = with_synchronised_norms(place(model, context.device), context)
        self.model = model
        set_training_mode(model)
        needs_whole = why_whole(model, training.split)
        context.splittable = not needs_whole
        require_parts(context.micro_batches, needs_whole)
        self.optimizer = create_optimizer(model, config.optimizer, config.adam, config.decay_all)
        steps = len(self._order(seed=0))
        self.schedule = Schedule(
            self.optimizer,
            config.schedule,
            steps,
            config.epochs,
            unfinished_warmup=config.unfinished_warmup,
        )
        self.stopping = Stopping(config.early_stopping)
        self.validate_every = max(1, int(config.val_every * steps))
        self.scaler = create_scaler(config.precision, context.device)
        self.best: Best | None = None
        self.best_of_epoch: _Validation | None = None

    def resume(self) -> int:
        """Load the newest checkpoint and return its epoch, 0 at a fresh start."""
        found = self.context.resume()
        if found is not None:
            epoch, state = found
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
            self.scaler.load_state_dict(state["scaler"])
            self.stopping.load_state_dict(state["stopping"])
            self.best = Best(**state["best"])
            logger.info("%s goes on after epoch %d", self.context.trial_id, epoch)
        elif self.config.selection == "paper":
            self.best = Best(value=0.0, epoch=0, model=snapshot(self.model))
        model = compiled(self.model, self.context.device) if self.compiles else self.model
        self.wrapped = wrap(model, self.context)
        return epoch if found is not None else 0

    def state(self) -> State:
        assert self.best is not None  # set by the epoch that is being reported
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "stopping": self.stopping.state_dict(),
            "best": {f.name: getattr(self.best, f.name) for f in fields(self.best)},
        }

    def epoch(self, epoch: int) -> None:
        """Train for one epoch, validate, keep the best state, report."""
        started = time.perf_counter()
        lr = self.schedule.rate
        self.best_of_epoch, self.validation_s = None, 0.0
        loss = self._train(epoch)
        train_s = time.perf_counter() - started - self.validation_s
        self.context.require_finite(loss, epoch)
        best = self._validate(epoch)
        self.schedule.end_epoch()
        self.stopping.observe(best.value)
        metrics = best.metrics | {
            "train/loss": loss,
            "train/lr": lr,
            "perf/images_per_s": self.training.cases / train_s,
            "perf/epoch_s": time.perf_counter() - started,
        }
        if self.compiles:
            metrics["perf/compiled"] = 1.0
        if self.context.micro_batches > 1:
            metrics["perf/micro_batches"] = self.context.micro_batches
        self.context.report(step=epoch, metrics=metrics, state=self.state)

    def _order(self, seed: int) -> list[Tensor]:
        config = self.config
        return global_batches(self.training.cases, config.batch_size, seed, config.drop_last)

    def _train(self, epoch: int) -> float:
        """Return the mean loss over the epoch's cases."""
        context = self.context
        seed = seed_from(context.seed, "epoch", epoch)
        batches = self._order(seed)
        shares = [local_share(batch, context.rank, context.world_size) for batch in batches]
        # Each rank draws its own augmentation and dropout; rank 0 draws what one rank would.
        torch.manual_seed(seed_from(seed, "rank", context.rank))
        set_training_mode(self.wrapped)
        total = torch.zeros((), device=context.device)
        if self.training.begin_epoch is not None:
            self.training.begin_epoch(epoch)
        loaded = self.training.batches([part for part, _ in shares])
        last = epoch * len(batches)
        for (_, weight), indices, batch in zip(shares, batches, loaded, strict=True):
            total += self._step(batch, weight) * len(indices)
            # The epoch's end is validated once its loss is known to be a number.
            if self.schedule.taken % self.validate_every == 0 and self.schedule.taken < last:
                self._validate(epoch)
                set_training_mode(self.wrapped)
        total = sum_over_ranks(total, context) / context.world_size
        return float(total) / sum(len(indices) for indices in batches)

    def _validate(self, epoch: int) -> _Validation:
        """Validate, keep the model if it is the best; return the best validation of the epoch."""
        started = time.perf_counter()
        share_buffers(self.model, self.context)
        metrics = self.training.evaluate(self.schedule.taken)
        value = selection_value(metrics, self.config.selection_metric, self.config.selection)
        self.schedule.observe(value, metrics.get("val/loss", float("nan")))
        if self.best is None or value > self.best.value:
            self.best = Best(value=value, epoch=epoch, model=snapshot(self.model))
        elif value == self.best.value:
            self.best.ties += 1
        if self.best_of_epoch is None or value > self.best_of_epoch.value:
            self.best_of_epoch = _Validation(value, metrics)
        self.validation_s += time.perf_counter() - started
        return self.best_of_epoch

    def _step(self, batch: BatchT, weight: float) -> Tensor:
        """Take one optimizer step and return this rank's weighted loss, still on the device."""
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.context.device)
        for part, share, passes in synchronising(self.wrapped, self._parts(batch)):
            with passes:
                with autocast(self.config.precision, self.context.device):
                    loss = self.training.loss(self.wrapped, part) * (weight * share)
                torch.autograd.backward(self.scaler.scale(loss))
            total += loss.detach().float()
        # Before the optimizer's hooks, which compare gradients with weights.
        self.scaler.unscale_(self.optimizer)
        if self.config.clip_norm > 0:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        return total

    def _parts(self, batch: BatchT) -> list[tuple[BatchT, float]]:
        if self.context.micro_batches == 1:
            return [(batch, 1.0)]
        assert self.training.split is not None  # checked when the run was made
        return self.training.split(batch, self.context.micro_batches)

    def load_best(self) -> Best:
        assert self.best is not None  # config.epochs >= 1
        self.model.load_state_dict(self.best.model)
        return self.best


def set_training_mode(model: nn.Module) -> None:
    """Switch to training mode, except for frozen parts: they keep their running statistics."""
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad for p in parameters):
            module.eval()
