"""The four retinopathy sets, Messidor-2 without what is in Messidor too: independent domains."""

from __future__ import annotations

from trainables.data.manifest import in_listed_order
from trainables.data.prepared import PreparedSource
from trainables.data.sets.dr import scan
from trainables.data.sets.dr_overlap import without_shared

SOURCE = PreparedSource(scan=scan, select=without_shared, arrange=in_listed_order, mend=True)
