"""How much of the gain from transfer is reuse of features (Matsoukas et al. 2022, figure 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gains:
    """Gains of every setting, such as a backbone on a data set, in arrays shaped as the input.

    Args:
        relative: metric with transferred weights divided by that from random weights.
        reuse: the share of the metric that is lost when only the weights' statistics are
            transferred.
        reuse_scaled: reuse from 0 (least of all settings) to 1 (most); NaN when all are equal.
    """

    relative: Array
    reuse: Array
    reuse_scaled: Array


def transfer_gains(random: ArrayLike, statistics: ArrayLike, weights: ArrayLike) -> Gains:
    """Return the gains of mean metrics by initialisation: RI, ST and WT in the paper's words.

    A setting without a finite gain (a metric is NaN or zero) does not enter the scale of the
    others.

    Raises:
        ValueError: the three do not cover the same settings, or there are none.
    """
    ri, st, wt = (np.asarray(metric, dtype=np.float64) for metric in (random, statistics, weights))
    if not ri.shape == st.shape == wt.shape or ri.size == 0:
        raise ValueError(f"settings of RI {ri.shape}, ST {st.shape} and WT {wt.shape} must match")
    with np.errstate(divide="ignore", invalid="ignore"):
        relative, reuse = wt / ri, (wt - st) / wt
        known = reuse[np.isfinite(reuse)]
        low, high = (known.min(), known.max()) if known.size else (np.nan, np.nan)
        scaled = (reuse - low) / (high - low)
    return Gains(relative=relative, reuse=reuse, reuse_scaled=scaled)
