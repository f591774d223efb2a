"""Vision-language models that outline what a text asks for, on medical images.

Poudel, Dhakal, Bhandari, Adhikari, Thapaliya, Khanal (MIDL 2024, arXiv 2308.07706): CLIPSeg, CRIS
and two BiomedCLIP variants, zero-shot and fine-tuned on eight data sets, one model for each prompt
type, against U-Net, U-Net++ and DeepLabV3+.

Expected (Table 2, Dice in percent, taken to be at the best prompt): fine-tuned on each set, CRIS
91.4 and CLIPSeg 89.5 on Kvasir-SEG, 91.1 and 88.9 on CAMUS; pooled over all sets CLIPSeg loses up
to three points, U-Net more than forty on polyps. The table states no spread, no seeds and no
prompt. CLIPSeg trains its decoder only, whatever the released configuration says; see
docs/medvlsm.md.

The released runs used one GPU of 12 to 32 GB; ``xenograft run medvlsm --smoke`` touches every table
on two CPU cores.

Run: xenograft run medvlsm --recipe paper
"""

from search_spaces.medvlsm.study import STUDY

__all__ = ["STUDY"]
