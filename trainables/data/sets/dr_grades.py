"""The grades of diabetic retinopathy on the international scale, by their number."""

from __future__ import annotations

GRADES = ("No DR", "Mild", "Moderate", "Severe", "Proliferative")
