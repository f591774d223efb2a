"""Data sets of papers: where their files lie, how they are split, what to check."""
