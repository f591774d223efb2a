"""CheXpert with every patient in one split."""

from __future__ import annotations

from functools import partial

from trainables.data.prepared import PreparedSource
from trainables.data.sets.chexpert import scan
from trainables.data.sets.chexpert_splits import patient_split

SOURCE = PreparedSource(scan=partial(scan, split_rows=patient_split))
