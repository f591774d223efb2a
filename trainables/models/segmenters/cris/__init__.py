"""CRIS (Wang et al., CVPR 2022), written with the names of its published tensors."""
