"""CheXpert with every patient in one split."""

from __future__ import annotations

from functools import partial

from trainables.data.chexpert import scan
from trainables.data.chexpert_splits import patient_split
from trainables.data.prepared import PreparedSource

SOURCE = PreparedSource(scan=partial(scan, split_rows=patient_split))
