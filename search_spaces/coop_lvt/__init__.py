"""CLIP and CoOpLVT for domain generalisation in diabetic retinopathy.

Baliah, Maani, Sanjeev, Khan (MLMI 2023, arXiv 2308.14212). Train on three of APTOS, EyePACS,
Messidor and Messidor-2 and test on the fourth (Table 1), or train on one and test on the others
(Table 2), by the protocol of DomainBed: macro F1 over five grades, chosen by the mean macro F1 of
the source domains' held-out parts.

Expected (Table 1, mean over the four domains, n = 3, ± standard error with ddof 0): CoOpLVT
40.5 ± 0.5, naive CLIP 39.4 ± 0.7 and 39.5 ± 0.3 with BioBERT, ERM 38.8 ± 0.5 (ResNet50) and
38.7 ± 0.3 (ViT). In the released code the visual tokens of CoOpLVT cannot reach the text feature:
its row is fine-tuning against fixed sentences with an in-batch contrastive loss; see
docs/coop_lvt.md.

The released runs took 1.2 s a step, 100 minutes a run, on the authors' GPUs;
``xenograft run coop_lvt --smoke`` touches every cell on two CPU cores.

Run: xenograft run coop_lvt --recipe paper
"""

from search_spaces.coop_lvt.study import STUDY

__all__ = ["STUDY"]
