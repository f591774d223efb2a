"""Figures of a study that several cells make together, as declarations; the report draws them.

A figure belongs to an experiment, whose printed numbers or layers it shows, or, as ``GainScatter``,
to the study. Factors of the experiment that a figure does not name, and that have several levels,
make one figure per combination of these levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trainables.errors import ConfigError, did_you_mean


@dataclass(frozen=True, kw_only=True, slots=True)
class FactorCurves:
    """The printed metric over the levels of a factor: mean, and a band of one sample sd.

    Args:
        x: factor along the axis; a numeric axis if all its levels are numbers.
        lines: factor that makes a line per level.
        panels: up to two factors that make panels: one, or rows and columns.
        log_x: logarithmic numeric axis.
    """

    name: str
    title: str
    x: str
    lines: str | None = None
    panels: tuple[str, ...] = ()
    log_x: bool = False

    def __post_init__(self) -> None:
        _check_panels(self.name, self.panels)

    @property
    def factors(self) -> tuple[str, ...]:
        """Every factor the figure names."""
        return (self.x, *(() if self.lines is None else (self.lines,)), *self.panels)


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerCurves:
    """A metric of every layer in network order: mean, and a band or error bar of one sample sd.

    Args:
        family: first part of the metrics' names: trials return ``<family>/<NN>_<layer>``, NN the
            position of the layer, or ``<family>/<NN>_<layer>/<kind>``.
        kind: the kind of feature among those a trial returned; None where names have no kind.
        lines: factors that make a line per combination of their levels.
        panels: up to two factors that make panels: one, or rows and columns.
        bars: bars instead of lines.
    """

    name: str
    title: str
    family: str
    kind: str | None = None
    lines: tuple[str, ...] = ()
    panels: tuple[str, ...] = ()
    bars: bool = False

    def __post_init__(self) -> None:
        _check_panels(self.name, self.panels)

    @property
    def factors(self) -> tuple[str, ...]:
        """Every factor the figure names."""
        return (*self.lines, *self.panels)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeatMaps:
    """Layer by layer matrices from a JSON artifact of each replicate, averaged over replicates.

    The artifact is ``{"layers": [...], "kind": {<kind>: {<matrix>: [[...]]}}}``; null is no value.

    Args:
        artifact: its file name.
        matrices: which of its matrices; each makes a figure.
        kind: the kind of feature.
        panels: up to two factors that make panels: one, or rows and columns.
    """

    name: str
    title: str
    artifact: str
    matrices: tuple[str, ...]
    kind: str = "all"
    panels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_panels(self.name, self.panels)
        if not self.matrices:
            raise ConfigError(f"figure '{self.name}' names no matrix of {self.artifact}")

    @property
    def factors(self) -> tuple[str, ...]:
        """Every factor the figure names."""
        return self.panels


@dataclass(frozen=True, kw_only=True, slots=True)
class GainScatter:
    """Points by size and distance of a data set, with two derived values as marker size and colour.

    Args:
        x: level of ``points`` -> where it stands on a logarithmic axis.
        x_label, y_label: what the axes are.
        y: experiment that prints one number for each level of ``points``.
        size, colour: derived tables with factors ``panels`` and ``points``. Published values of
            ``colour`` are drawn as a ring around the marker.
        panels: factor that makes panels.
        points: factor that makes the points of a panel.
    """

    name: str
    title: str
    x: Mapping[str, float]
    y: str
    size: str
    colour: str
    panels: str
    points: str
    x_label: str = "images"
    y_label: str = "FID to ImageNet"

    def __post_init__(self) -> None:
        if any(value <= 0 for value in self.x.values()):
            raise ConfigError(f"figure '{self.name}': values of x must be above 0, got {self.x}")


@dataclass(frozen=True, kw_only=True, slots=True)
class DerivedBars:
    """Bars of a derived table, with the published value of each beside it.

    Args:
        table: name of the derived table.
        bars: factor whose levels stand along the axis.
        colours: factor that makes a bar per level at each of them.
        where: the level that is shown of every other factor of the table.
    """

    name: str
    title: str
    table: str
    bars: str
    colours: str
    where: Mapping[str, str] = field(default_factory=dict)


ExperimentFigure = FactorCurves | LayerCurves | HeatMaps
StudyFigure = GainScatter | DerivedBars


def check_experiment_figures(
    experiment: str, figures: Sequence[ExperimentFigure], factors: Sequence[str]
) -> None:
    """Check that figures have distinct names and name factors of their experiment, each once.

    Raises:
        ConfigError: they do not.
    """
    names = [figure.name for figure in figures]
    if len(set(names)) != len(names):
        raise ConfigError(f"experiment '{experiment}': figures need distinct names, got {names}")
    for figure in figures:
        for factor in figure.factors:
            if factor not in factors:
                raise ConfigError(
                    f"figure '{figure.name}': experiment '{experiment}' has no factor '{factor}'."
                    f"{did_you_mean(factor, factors)}"
                )
        if len(set(figure.factors)) != len(figure.factors):
            raise ConfigError(f"figure '{figure.name}' uses a factor twice: {figure.factors}")


def _check_panels(name: str, panels: Sequence[str]) -> None:
    if len(panels) > 2:
        raise ConfigError(f"figure '{name}': panels are rows and columns, got {panels}")
