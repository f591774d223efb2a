"""Fine-tuning of a segmenter, put together from the loop, the cases and the network.

Axes: n cases of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from trainables.context import Context
from trainables.data.card import Split
from trainables.data.fraction import stratified_fraction
from trainables.engine.loop import Training, fit
from trainables.engine.placement import place
from trainables.segmentation.batches import CaseBatch, CaseLoader
from trainables.segmentation.case_texts import CaseTexts, choice_of
from trainables.segmentation.cases import Cases, open_cases
from trainables.segmentation.evaluation import Judgement, Scorer
from trainables.segmentation.loading import create_loader, text_drops_out
from trainables.segmentation.losses import case_losses, mean_loss
from trainables.segmentation.micro_batches import create_split
from trainables.segmentation.model_files import Description, save_segmenter
from trainables.segmentation.network import TrainedNetwork, create_network
from trainables.segmentation.prompt_choice import PromptChoice
from trainables.segmentation.ranks import check_shares, share_of_mean
from trainables.segmentation.spec import SegmenterSpec
from trainables.segmentation.summary import validation_metrics
from trainables.segmentation.testing import conclude, score_test

if TYPE_CHECKING:
    from trainables.segment import Config


def train_and_test(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.segment.run` promises."""
    spec = config.spec(context.seed)
    network = create_network(spec, context.locations)
    place(network, context.device)
    choice = choice_of(
        config.prompt, network.segmenter.card.reads_text, config.data.name, context.seed
    )
    task = _Task(config, network, spec, choice, context)
    check_shares(len(task.loader.cases), config.batch_size, network.segmenter.card, context)
    best = fit(network, task.training(), config.fit_config(), context)
    if not context.final:
        return {}
    tested = score_test(network, spec, choice, config, context, config.classes)
    metrics = conclude([tested], context)
    if context.is_main:
        description = Description(spec=spec, prompt=config.prompt, chosen=best.value)
        save_segmenter(context.artifacts, network, description, config, metrics)
    return metrics


class _Task:
    """Training and validation cases of one trial."""

    def __init__(
        self,
        config: Config,
        network: TrainedNetwork,
        spec: SegmenterSpec,
        choice: PromptChoice | None,
        context: Context,
    ) -> None:
        self.config, self.network, self.spec = config, network, spec
        self.choice, self.context = choice, context
        self.texts = CaseTexts(self._training_cases(), choice)
        self.loader = self._loader(self.texts)
        # Each step draws its own dropout where the released training does.
        self.from_tokens = spec.options.encoder_train_mode and text_drops_out(network.segmenter)
        self.epoch = 0

    def training(self) -> Training[CaseBatch]:
        """Return what the loop needs."""
        return Training(
            cases=len(self.loader.cases),
            batches=self._batches,
            loss=_training_loss(self.config, self.context, exclusive=self.loader.cases.exclusive),
            evaluate=self._validation(),
            begin_epoch=self._begin_epoch,
            split=create_split(self.network, self.config.loss, self.context),
        )

    def _begin_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def _batches(self, parts: Sequence[Tensor]) -> Iterator[CaseBatch]:
        texts = self.texts.for_training(parts, self.epoch)
        return self.loader.batches(parts, texts, from_tokens=self.from_tokens)

    def _validation(self) -> Callable[[int], dict[str, float]]:
        config = self.config
        texts = CaseTexts(self._open("val"), self.choice)
        judgement = Judgement(
            threshold=self.spec.threshold,
            precision=config.precision,
            batch_size=config.batch_size,
            loss=config.loss,
        )
        scorer = Scorer(self.network, self._loader(texts), judgement, self.context)
        asked = texts.for_evaluation()
        return lambda _step: validation_metrics(scorer.score(asked))

    def _training_cases(self) -> Cases:
        cases, fraction = self._open("train"), self.config.train_fraction
        if cases.exclusive:
            cases = cases.one_per_picture()
        if fraction == 1:
            return cases
        # One draw per replicate, the same for every network, and nested over the fractions.
        seed = 42 + self.context.replicate
        return cases.subset(stratified_fraction(cases.images.labels, fraction, seed))

    def _open(self, split: Split) -> Cases:
        return open_cases(self.config.data, split, self.spec, self.context, self.config.classes)

    def _loader(self, texts: CaseTexts) -> CaseLoader:
        return create_loader(self.network.segmenter, self.spec, texts, self.config, self.context)


def _training_loss(
    config: Config, context: Context, *, exclusive: bool
) -> Callable[[nn.Module, CaseBatch], Tensor]:
    def loss(module: nn.Module, batch: CaseBatch) -> Tensor:
        loss_n, counted_n = case_losses(
            module(batch.given), batch.target_nkhw, config.loss, exclusive=exclusive
        )
        if context.world_size == 1:
            return mean_loss(loss_n, counted_n)
        return share_of_mean(loss_n, counted_n, batch.indices, context)

    return loss
