"""The Inception-v3 that Frechet distances between sets of pictures are measured with."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import WeightsSource
from trainables.models.catalogue.inception import INCEPTION_V3

INCEPTION_FID = replace(
    INCEPTION_V3,
    name="inception_fid",
    title="Inception-v3 (for FID)",
    image_size_px=299,
    interpolation="bilinear",
    module="trainables.models.inception_fid_backbone",
    # A classifier of 1008 classes; the file has no auxiliary one.
    ignored_keys=("fc.weight", "fc.bias"),
    sources=(
        WeightsSource(
            tag="fid",
            kind="file",
            origin="",
            filename="pt_inception-2015-12-05-6726825d.pth",
            sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
            licence="Apache-2.0",
            trained_on="ImageNet (2015 graph of TensorFlow), 299 px, supervised",
            where=(
                "release fid_weights of github.com/mseitzer/pytorch-fid; Google's graph "
                "inception-2015-12-05, which the FID of Heusel et al. (2017) uses"
            ),
        ),
    ),
    default_weights="fid",
    # Its own twin would differ in the pooling of nine blocks only.
    twin="inception_v3_twin",
)

CARDS = (INCEPTION_FID,)
