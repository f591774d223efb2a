"""Data cards of everyday pictures, which untrained networks are compared on.

None has a twin: ``imagenet_twin`` has classes of its own.
"""

from __future__ import annotations

from trainables.data.card import DataCard
from trainables.data.sets.natural_classes import CIFAR10, FLOWERS, FOODS, IMAGENETTE, STL10

NATURAL_CARDS: tuple[DataCard, ...] = (
    DataCard(
        name="cifar10",
        title="CIFAR-10, photographs of 32 px",
        task="multiclass",
        classes=CIFAR10,
        domains=("cifar10",),
        kind="real",
        licence="none stated by its authors",
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        how_to_get="the binary version of CIFAR-10 (cifar-10-binary.tar.gz)",
        module="packed_pictures",
        expected_counts={"train": 45_000, "val": 5_000, "test": 10_000},
    ),
    DataCard(
        name="stl10",
        title="STL-10, photographs of 96 px",
        task="multiclass",
        classes=STL10,
        domains=("stl10",),
        kind="real",
        licence="none stated by its authors; the pictures are from ImageNet",
        homepage="https://cs.stanford.edu/~acoates/stl10/",
        how_to_get="the binary files of STL-10 (stl10_binary.tar.gz)",
        module="packed_pictures",
        expected_counts={"train": 4_500, "val": 500, "test": 8_000},
    ),
    DataCard(
        name="imagenette",
        title="Imagenette, ten classes of ImageNet",
        task="multiclass",
        classes=tuple(IMAGENETTE.values()),
        domains=("imagenette",),
        kind="real",
        licence="Apache-2.0 (selection); ImageNet terms of access (pictures)",
        homepage="https://github.com/fastai/imagenette",
        how_to_get="imagenette2 of any size, unpacked: folders train and val with ten synsets each",
        module="sets.natural_folders",
        # 9,469 for training, of every class a tenth of which is held out, rounded down.
        expected_counts={"train": 8_525, "val": 944, "test": 3_925},
    ),
    DataCard(
        name="food101",
        title="Food-101, photographs of dishes",
        task="multiclass",
        classes=FOODS,
        domains=("food101",),
        kind="real",
        licence="research only; the pictures belong to users of Foodspotting",
        homepage="https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/",
        how_to_get="food-101.tar.gz, unpacked: folders images and meta",
        module="sets.natural_folders",
        expected_counts={"train": 68_175, "val": 7_575, "test": 25_250},
    ),
    DataCard(
        name="flowers102",
        title="Flowers-102, photographs of flowers",
        task="multiclass",
        classes=FLOWERS,
        domains=("flowers102",),
        kind="real",
        licence="none stated by its authors",
        homepage="https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
        how_to_get="102flowers.tgz (folder jpg), imagelabels.mat and setid.mat, side by side",
        module="sets.natural_folders",
        expected_counts={"train": 1_020, "val": 1_020, "test": 6_149},
    ),
)
