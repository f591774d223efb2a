"""Classify pictures by their cosines with prompts, without training on any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.data.transforms import Resize
from trainables.engine.inputs import Channels, check_channels, check_resize
from trainables.errors import ConfigError, check_at_least
from trainables.models.text_pairs import check_text_pair
from trainables.shift import check_shift

Rule = Literal["mean_similarity", "mean_embedding", "max_similarity"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """A class scores as its prompts do together, the highest score wins.

    Args:
        backbone: an image tower of CLIP's kind.
        text: the text encoder that shares its space; None: the text tower in the same file.
        shift_domains: domains also tested on, at the end, as ``test_shift/``.
        image_size_px: side of the square input; the backbone card's own when None.
        channels: 'rgb' feeds grey pictures three times over; 'native' feeds as many channels as the
            data set has, through a stem that is cut to them (see docs/models.md).
        resize: 'squash' makes pictures square whatever their shape; 'center_crop' scales the short
            side and takes the middle, as CLIP does; 'pad' puts black around them until they are
            square. Towers of the input ``clip`` bring their own way.
        prompts: class -> what is said of it, for every class of the data set; empty: templates.
        templates: sentences of our own, in which ``{}`` is the class; idle where there are prompts.
        rule: 'mean_similarity', the mean of a class's cosines (Yang et al., NeurIPS 2024, appendix
            B.1); 'mean_embedding', the cosine with its mean prompt, as CLIP ensembles;
            'max_similarity', its largest cosine.
    """

    trainable: ClassVar[str] = "zero_shot"
    version: ClassVar[int] = 1

    backbone: BackboneRef
    data: DataRef
    text: BackboneRef | None = None
    shift_domains: tuple[str, ...] = ()
    image_size_px: int | None = None
    channels: Channels = "rgb"
    resize: Resize = "squash"
    prompts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    templates: tuple[str, ...] = ("a photo of {}", "a picture showing {}", "{}")
    rule: Rule = "mean_similarity"

    def __post_init__(self) -> None:
        check_shift(self.data, self.shift_domains)
        check_channels(self.channels)
        check_resize(self.resize)
        check_text_pair(self.backbone, self.text)
        check_at_least(1, image_size_px=self.image_size_px)
        if self.rule not in ("mean_similarity", "mean_embedding", "max_similarity"):
            raise ConfigError(
                f"rule must be mean_similarity, mean_embedding or max_similarity, got '{self.rule}'"
            )
        without = [text for text in self.templates if text.count("{}") != 1]
        if without or not self.templates:
            raise ConfigError(f"every template holds {{}} once, got {list(self.templates)}")
        mute = [name for name, said in self.prompts.items() if not said]
        if mute:
            raise ConfigError(f"class '{mute[0]}' has no prompt: give every class at least one")

    def prompts_of(self, classes: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the prompts of each class of a data set.

        Raises:
            ConfigError: prompts are of other classes.
        """
        if not self.prompts:
            return [tuple(t.replace("{}", name) for t in self.templates) for name in classes]
        if set(self.prompts) != set(classes):
            raise ConfigError(
                f"prompts are of the classes {sorted(self.prompts)}, '{self.data.name}' has "
                f"{sorted(classes)}: the names must agree to the letter"
            )
        return [self.prompts[name] for name in classes]


def run(config: Config, context: Context) -> dict[str, float]:
    """Score the validation pictures, report at step 1; replicates return test metrics.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged.
        ConfigError: prompts are of other classes, or a multilabel task.
    """
    from trainables.analyses.prompted import score_and_test

    return score_and_test(config, context)


def rehearse(config: Config, context: Context, workers: int) -> None:
    """Look at made-up pictures through the frozen backbone; the rest is done beside the GPU.

    See :mod:`trainables.rehearsal`.
    """
    from trainables.analyses.features_rehearsal import rehearse_tower

    del workers
    rehearse_tower(config, context)
