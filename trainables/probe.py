"""Linear probe: logistic regression on the frozen features of a backbone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.data.transforms import Resize
from trainables.engine.inputs import Channels, check_channels, check_resize
from trainables.errors import ConfigError, check_at_least
from trainables.head_training import HeadTraining
from trainables.regularisation_path import RegularisationPath
from trainables.shift import check_shift

Fit = Literal["logistic", "path", "paper"]
ColumnChoice = Literal["random", "first"]

_INVERSE_L2 = 1e-2
_MAX_ITER = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """One linear layer on frozen features.

    Args:
        shift_domains: domains the probe is also tested on, at the end, as ``test_shift/``.
        image_size_px: side of the square input; the backbone card's own when None.
        channels: 'rgb' feeds grey pictures three times over; 'native' feeds as many channels as the
            data set has, through a stem that is cut to them (see docs/models.md).
        resize: 'squash' makes pictures square whatever their shape; 'center_crop' scales the short
            side and takes the middle, as CLIP does; 'pad' puts black around them until they are
            square. Towers of the input ``clip`` bring their own way.
        fit: 'logistic' is a converged multinomial logistic regression on standardised features;
            'path' solves it for every value of ``path`` together and keeps the one that validation
            likes best, so one trial is the whole search; 'paper' trains on features of length one
            by Adam, as Yang et al. (NeurIPS 2024) do, and reports every epoch.
        inverse_l2: weight of the data against the L2 penalty (C in scikit-learn), of 'logistic';
            search it log-uniformly.
        max_iter: most solver iterations, of 'logistic' and of each model of 'path';
            ``perf/converged`` is 0 when they did not suffice.
        path: of 'path'; replicates leave ``path.json``, the metrics of all values.
        training: of 'paper'.
        columns: of 'paper': how many columns of the features the probe sees at most; None: all.
            The released code draws 768.
        column_choice: which: 'random', another draw for every replicate, or the 'first'.
        shots: training pictures per class, drawn anew for every replicate; 0 takes all.
    """

    trainable: ClassVar[str] = "probe"
    version: ClassVar[int] = 1

    backbone: BackboneRef
    data: DataRef
    shift_domains: tuple[str, ...] = ()
    image_size_px: int | None = None
    channels: Channels = "rgb"
    resize: Resize = "squash"
    fit: Fit = "logistic"
    inverse_l2: float = _INVERSE_L2
    max_iter: int = _MAX_ITER
    path: RegularisationPath = field(default_factory=RegularisationPath)
    training: HeadTraining = field(default_factory=HeadTraining)
    columns: int | None = None
    column_choice: ColumnChoice = "random"
    shots: int = 0

    def __post_init__(self) -> None:
        check_shift(self.data, self.shift_domains)
        check_channels(self.channels)
        check_resize(self.resize)
        check_at_least(
            1, image_size_px=self.image_size_px, max_iter=self.max_iter, columns=self.columns
        )
        check_at_least(0, shots=self.shots)
        if not self.inverse_l2 > 0:
            raise ConfigError(f"inverse_l2 must be > 0, got {self.inverse_l2}")
        self._check_fit()

    def _check_fit(self) -> None:
        if self.fit not in get_args(Fit):
            raise ConfigError(f"fit must be logistic, path or paper, got '{self.fit}'")
        if self.column_choice not in ("random", "first"):
            raise ConfigError(f"column_choice must be random or first, got '{self.column_choice}'")
        idle = {
            "inverse_l2 is of fit=logistic": self.fit != "logistic"
            and self.inverse_l2 != _INVERSE_L2,
            "max_iter is of fit=logistic and fit=path": self.fit == "paper"
            and self.max_iter != _MAX_ITER,
            "path is of fit=path": self.fit != "path" and self.path != RegularisationPath(),
            "training and columns are of fit=paper": self.fit != "paper"
            and (self.training != HeadTraining() or self.columns is not None),
        }
        for names, without in idle.items():
            if without:
                raise ConfigError(f"{names}: fit={self.fit} does without")


def run(config: Config, context: Context) -> dict[str, float]:
    """Fit and report, once or every epoch; replicates return test metrics.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged.
        NonFiniteLossError: the loss became NaN or infinite.
    """
    from trainables.analyses.linear_probe import probe_and_test

    return probe_and_test(config, context)


def rehearse(config: Config, context: Context, workers: int) -> None:
    """Look at made-up pictures through the frozen backbone; the rest is done beside the GPU.

    See :mod:`trainables.rehearsal`.
    """
    from trainables.analyses.features_rehearsal import rehearse_tower

    del workers
    rehearse_tower(config, context)
