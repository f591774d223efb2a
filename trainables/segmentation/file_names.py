"""Names of what a final segmentation trial leaves among its artifacts."""

CASES = "cases.parquet"
"""Scores of every case."""

MASKS = "masks"
"""Folder of predicted masks."""

GALLERY = "gallery"
"""Folder of small pictures to look at."""

LISTING = "gallery.json"
"""In that folder: what each picture shows. Written last."""
