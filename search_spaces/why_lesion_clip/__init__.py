"""WhyLesionCLIP and KnoBo."""

from search_spaces.why_lesion_clip.study import STUDY

__all__ = ["STUDY"]
