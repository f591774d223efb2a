"""The four retinopathy sets, Messidor-2 without what is in Messidor too: independent domains."""

from __future__ import annotations

from trainables.data.dr import scan
from trainables.data.dr_overlap import without_shared
from trainables.data.manifest import in_listed_order
from trainables.data.prepared import PreparedSource

SOURCE = PreparedSource(scan=scan, select=without_shared, arrange=in_listed_order, mend=True)
