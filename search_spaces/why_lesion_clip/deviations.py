"""Where this study does other than the paper, or had to choose."""

DEVIATIONS = (
    "ViT-L/14 and DenseNet start anew for every data set; the released script goes on with the "
    "weights of the set before, whose pictures may be in the next one's test.",
    "The row without grounding functions keeps the prior; whether the published one does is not "
    "known.",
    "PCBM-h trains both layers together, as released; pcbm_h_sequential as its authors do.",
    "Fewer reports hold out fewer pictures of a concept in proportion; with the published ten, 100 "
    "reports leave no concept.",
    "Prompts of zero-shot are ours, three templates with the name of the class: the published ones "
    "are not available.",
    "LaBo trains for 1,000 epochs, its own config for 10,000; what the paper set for its sets is "
    "not known.",
    "MedCLIP is probed and not asked zero-shot: versions of its code pool texts differently.",
    "Warm-up, decay, batch and the kept epoch of CLIP's fine-tuning are chosen here.",
    "Bottlenecks of random size have five replicates with draws of their own; the paper's repeats "
    "are not known.",
    "Random draws belong to each cell and replicate; the released code has one stream over all "
    "sets.",
    "What GPT-4 said of the reports is not published, so those cells need a file of your own.",
    "Published numbers that contradict others of the paper are marked suspect and not compared.",
)
