"""Where this study does other than the paper, or had to choose."""

DEVIATIONS = (
    "Three replicates; the paper names no number of seeds, and its ± are over cases.",
    "A published number that does not say its prompt stands beside the best of ours; best and mean "
    "are both shown.",
    "Numbers of the first release (arXiv v1, v2) are of another pipeline, and no target.",
    "The loss is the soft Dice that was really minimised: in the pinned MONAI the cross-entropy of "
    "one channel is zero.",
    "No CNN is trained on BUSI's normal pictures: cnn_individual has BUSI without them.",
    "Each case of the pooled 17-channel CNN is trained and scored on the channel of its class; the "
    "released code leaves polyps out of its validation.",
    "The released four-channel CNN of CAMUS cannot run: cnn_multiclass is what it seems to mean, "
    "with targets of four channels.",
    "Cases without foreground are skipped by the loss of CNNs; as released, one ends the training.",
    "Which wording of a prompt a case gets depends on seed, epoch and case only, not on loader "
    "processes.",
    "Classes of a CNN's row are averaged over cases; how the paper averaged them is not known.",
)
