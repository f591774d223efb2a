"""Training by optimizer steps, with a record every so many of them.

A record is taken after the update of its step, the first one after that of step 0. The steps since
the record before start from a seed of their own, so a resumed run repeats exactly what an
uninterrupted one does (bit for bit on a CPU).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainables.config import seed_from
from trainables.context import Context, State
from trainables.engine.batches import ImageBatch
from trainables.engine.config import OptimizerConfig, Precision
from trainables.engine.distributed import (
    share_buffers,
    sum_over_ranks,
    with_synchronised_norms,
    wrap,
)
from trainables.engine.loop import like_gradients, set_training_mode
from trainables.engine.optimizer import create_optimizer
from trainables.engine.placement import place
from trainables.engine.precision import autocast, create_scaler
from trainables.engine.selection import Best, selection_value, snapshot
from trainables.generalisation.method import Method
from trainables.generalisation.records import Record

logger = logging.getLogger(__name__)

Batches = Sequence[ImageBatch]


@dataclass(frozen=True, kw_only=True, slots=True)
class StepsConfig:
    """What the loop needs to know.

    Args:
        steps: optimizer steps.
        record_every: steps between two records; the last step is recorded in any case.
        selection_metric: what the best state is kept by; larger is better, the first of equals
            wins.
        clip_norm: upper bound of the global gradient norm; 0 leaves gradients as they are.
    """

    steps: int
    record_every: int
    optimizer: OptimizerConfig
    selection_metric: str
    precision: Precision
    clip_norm: float

    def recorded(self) -> list[int]:
        """Return the steps with a record, rising."""
        return sorted({*range(0, self.steps, self.record_every), self.steps - 1})


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTraining:
    """What is trained on, and how it is judged.

    Args:
        batches: number of steps and a seed -> for each of them one batch per source domain.
        evaluate: whether this is the last record -> ``val/...`` metrics of the method as it is and
            what to record of it, the same on every rank.
        pictures: how many of them a step reads over all ranks.
    """

    batches: Callable[[int, int], Iterator[Batches]]
    evaluate: Callable[[bool], tuple[dict[str, float], Record]]
    pictures: int


def fit_steps(
    method: Method, training: StepTraining, config: StepsConfig, context: Context
) -> list[Record]:
    """Train in place, report every record (from 1), end at the best state; return the records.

    A method with nothing to train is evaluated once.

    Raises:
        NonFiniteLossError: the mean loss since the record before is NaN or infinite.
        ConfigError: evaluate() does not return the metric that selects.
    """
    run = _Run(method, training, config, context)
    recorded = config.recorded() if method.trained_parameters() else [0]
    for number in range(run.resume() + 1, len(recorded) + 1):
        run.advance(number, recorded)
    run.load_best()
    return run.records


def rehearse_steps(
    method: Method, batches: Batches, config: StepsConfig, context: Context, workers: int
) -> None:
    """Take two optimizer steps and score once, as :func:`trainables.engine.loop.rehearse` does."""
    training = StepTraining(
        batches=lambda steps, _: iter([batches] * steps), evaluate=lambda _: ({}, {}), pictures=0
    )
    run = _Run(method, training, config, context)
    set_training_mode(run.loss)
    held = like_gradients(method) if workers > 1 else []
    for step in range(2 if run.trains else 0):
        run._step(step, batches)
    held += like_gradients(method)
    del held
    method.eval()
    with torch.inference_mode(), autocast(config.precision, context.device):
        method.logits(torch.cat([batch.x_nchw for batch in batches]))


class _Loss(nn.Module):
    """A method's loss as a forward pass, which is what ranks synchronise."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, batches: Batches) -> Tensor:
        return self.method.loss(batches)


class _Run:
    """Everything a checkpoint holds, and the steps that change it."""

    def __init__(
        self, method: Method, training: StepTraining, config: StepsConfig, context: Context
    ) -> None:
        self.method, self.training, self.config, self.context = method, training, config, context
        self.trains = bool(method.trained_parameters())
        self.loss = with_synchronised_norms(place(_Loss(method), context.device), context)
        if self.trains:
            self.optimizer = create_optimizer(method, config.optimizer)
            self.scaler = create_scaler(config.precision, context.device)
        self.best: Best | None = None
        self.records: list[Record] = []

    def resume(self) -> int:
        """Load the newest checkpoint and return its number of records, 0 at a fresh start."""
        found = self.context.resume()
        if found is not None:
            _, state = found
            self.method.load_state_dict(state["model"])
            if self.trains:
                self.optimizer.load_state_dict(state["optimizer"])
                self.scaler.load_state_dict(state["scaler"])
            self.best = Best(**state["best"])
            self.records = state["records"]
            logger.info("%s goes on after record %d", self.context.trial_id, len(self.records))
        if self.trains:
            self.loss = wrap(self.loss, self.context)
        return len(self.records)

    def state(self) -> State:
        assert self.best is not None  # set by the record that is being reported
        state: State = {
            "model": self.method.state_dict(),
            "best": {name: getattr(self.best, name) for name in ("value", "epoch", "model")},
            "records": self.records,
        }
        if self.trains:
            state["optimizer"] = self.optimizer.state_dict()
            state["scaler"] = self.scaler.state_dict()
        return state

    def advance(self, number: int, recorded: Sequence[int]) -> None:
        """Train up to a record, take it, keep the best state, report."""
        first, last = 0 if number == 1 else recorded[number - 2] + 1, recorded[number - 1]
        trained: dict[str, float] = {}
        if self.trains:
            trained = self._train(number, range(first, last + 1))
        share_buffers(self.method, self.context)
        seed = seed_from(self.context.seed, "record", number, self.context.rank)
        torch.manual_seed(seed)  # validation may be augmented
        metrics, record = self.training.evaluate(number == len(recorded))
        self.records.append({"step": last, **record})
        if trained:
            self.records[-1]["loss"] = trained["train/loss"]
        value = selection_value(metrics, self.config.selection_metric, "first_best")
        if self.best is None or value > self.best.value:
            self.best = Best(value=value, epoch=number, model=snapshot(self.method))
        self.context.report(step=number, metrics=metrics | trained, state=self.state)

    def _train(self, number: int, steps: range) -> dict[str, float]:
        """Take some steps and return their mean loss and how long they took."""
        context = self.context
        started = time.perf_counter()
        seed = seed_from(context.seed, "steps", number)
        # Each rank draws its own augmentation and dropout; rank 0 draws what one rank would.
        torch.manual_seed(seed_from(seed, "rank", context.rank))
        set_training_mode(self.loss)
        total = torch.zeros((), device=context.device)
        for step, batches in zip(steps, self.training.batches(len(steps), seed), strict=True):
            total += self._step(step, batches)
        loss = float(sum_over_ranks(total, context)) / context.world_size / len(steps)
        context.require_finite(loss, steps[-1])
        step_s = (time.perf_counter() - started) / len(steps)
        return {
            "train/loss": loss,
            "perf/step_s": step_s,
            "perf/images_per_s": self.training.pictures / step_s,
        }

    def _step(self, step: int, batches: Batches) -> Tensor:
        """Take one optimizer step and return this rank's loss, still on the device."""
        self.method.step = step
        if self.method.restarts_optimizer():
            self.optimizer.state.clear()
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.config.precision, self.context.device):
            loss: Tensor = self.loss(batches)
        torch.autograd.backward(self.scaler.scale(loss))
        # Before the optimizer's hooks, which compare gradients with weights.
        self.scaler.unscale_(self.optimizer)
        if self.config.clip_norm > 0:
            nn.utils.clip_grad_norm_(self.method.parameters(), self.config.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.detach().float()

    def load_best(self) -> None:
        assert self.best is not None  # there is at least one record
        self.method.load_state_dict(self.best.model)
