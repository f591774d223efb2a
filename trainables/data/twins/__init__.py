"""Synthetic stand-ins for data sets: the same classes, imbalance and traps, made in seconds."""
