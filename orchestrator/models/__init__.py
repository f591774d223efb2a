"""Registered models: which replicate stands for a cell, what goes with it, and how it is found."""
