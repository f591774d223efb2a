"""Does medical knowledge keep a classifier right where hospitals or cameras change?

Yang, Gandhi, Wang, Wu, Yao, Callison-Burch, Gee, Yatskar: A Textbook Remedy for Domain Shifts
(NeurIPS 2024, arXiv 2405.14839), and the model card of WhyLesionCLIP. CLIP is fine-tuned on
pictures and findings; KnoBo classifies by concepts that it learns to see with that CLIP, and by
what is known of the classes. Ten sets of skin lesions, ten of radiographs; in half of them
something goes with the class in training and validation (ID) and against it in testing (OOD).

Expected (Tables 1, 2 and 9, percent; single runs, so no spread): on confounded radiographs OOD 58.8
for KnoBo and 30.7 for a linear probe, gap 30.9 and 64.5; on skin OOD 71.9 and 52.1, gap 14.1 and
39.8; without a confounder KnoBo loses 0.7 and 4.7 to the probe. WhyLesionCLIP 66.0 zero-shot and
82.8 probed, mean of five sets. Cells that cannot be right are marked: docs/why_lesion_clip.md.

The paper fine-tuned CLIP on four GPUs of 48 GB and the rest on one; heads on features take seconds
to minutes on a CPU. ``xenograft run why_lesion_clip --smoke`` touches every cell on two CPU cores.

Run: xenograft run why_lesion_clip --recipe paper
"""

from search_spaces.why_lesion_clip.study import STUDY

__all__ = ["STUDY"]
