"""Distortions of training pictures: order as published, effects, probabilities, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter, ImageOps

from trainables.config import canonical, from_mapping
from trainables.data.augmentation import Augmentation
from trainables.data.distortions import (
    Affine,
    Blur,
    Erasing,
    Perspective,
    Rotation,
    Solarise,
)
from trainables.data.transforms import EvalTransform, TrainTransform
from trainables.errors import ConfigError

MEAN, STD = (0.0,) * 3, (1.0,) * 3
ALL = Augmentation(
    middle_first=True,
    crop_padding_px=4,
    crop_scale=(0.8, 1.2),
    vertical_flip=0.5,
    horizontal_flip=0.5,
    rotation=Rotation(p=0.5),
    brightness=0.2,
    jitter=0.8,
    greyscale=0.2,
    blur=Blur(p=0.2),
    affine=Affine(p=0.5, translate=(0.1, 0.3), scale=(0.1, 3.3), shear_degrees=0.2),
    perspective=Perspective(p=0.5, distortion=0.2),
    solarise=Solarise(p=0.2),
    erasing=Erasing(p=0.5),
)


def picture(side: int = 32) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, side, side), generator=rng, dtype=torch.uint8)


def augmented(augmentation: Augmentation, image_chw: torch.Tensor, **options: Any) -> torch.Tensor:
    given = {"size_px": 32, "mean": MEAN, "std": STD, **options}
    transform = TrainTransform(**given, augmentation=augmentation)
    torch.manual_seed(0)
    return transform.build()(image_chw)


def names(augmentation: Augmentation) -> list[str]:
    transform: Any = TrainTransform(
        size_px=224, mean=MEAN, std=STD, crop_fraction=0.875, augmentation=augmentation
    ).build()
    steps = [getattr(step, "transforms", [step])[0] for step in transform.transforms]
    return ["ToTensor" if type(s).__name__ == "ToDtype" else type(s).__name__ for s in steps]


def test_a_crop_from_the_middle_and_erasing_come_in_the_published_order(
    golden: Callable[[str], Any],
) -> None:
    case = golden("transform_order")["cases"][1]
    blocks = case["train_transforms"]
    chosen = Augmentation(
        middle_first=blocks["CenterCrop"]["apply"],
        crop_scale=tuple(blocks["RandomResizedCrop"]["scale"]),
        vertical_flip=0.5,
        horizontal_flip=0.5,
        brightness=0.2,
        jitter=blocks["ColorJitter"]["p"],
        greyscale=0.2,
        erasing=Erasing(p=blocks["RandomErasing"]["p"]),
    )
    assert names(chosen) == case["order"]


def test_all_at_once_come_in_the_published_order() -> None:
    assert names(ALL) == [
        "Resize",
        "CenterCrop",
        "RandomCrop",
        "RandomResizedCrop",
        "RandomVerticalFlip",
        "RandomHorizontalFlip",
        "RandomRotation",
        "ColorJitter",
        "RandomGrayscale",
        "GaussianBlur",
        "RandomAffine",
        "RandomPerspective",
        "RandomSolarize",
        "ToTensor",
        "Normalize",
        "RandomErasing",
    ]


def test_all_at_once_keep_the_size_and_follow_torch_seed() -> None:
    first = augmented(ALL, picture(40), crop_fraction=0.8)
    assert first.shape == (3, 32, 32)
    torch.testing.assert_close(first, augmented(ALL, picture(40), crop_fraction=0.8))


def test_certain_solarising_inverts_what_is_bright_as_pillow_does() -> None:
    image_chw = picture()
    got = augmented(Augmentation(solarise=Solarise(p=1.0, threshold=100)), image_chw)
    pillow = ImageOps.solarize(Image.fromarray(image_chw.permute(1, 2, 0).numpy()), 100)
    np.testing.assert_allclose(got.permute(1, 2, 0) * 255, np.asarray(pillow), atol=1e-3)


def test_certain_blur_smooths_as_much_as_pillows() -> None:
    image_chw = picture()
    got = augmented(Augmentation(blur=Blur(p=1.0, radius_px=(2.0, 2.0))), image_chw)
    blurred = Image.fromarray(image_chw.permute(1, 2, 0).numpy()).filter(
        ImageFilter.GaussianBlur(2)
    )
    # Pillow's Gaussian is three box filters, and treats the border otherwise.
    inner = np.s_[:, 8:-8, 8:-8]
    expected = np.asarray(blurred).transpose(2, 0, 1)[inner] / 255
    assert np.abs(got.numpy()[inner] - expected).max() < 0.02


def test_a_blur_wider_than_the_picture_is_cut_off_not_an_error() -> None:
    blur = Augmentation(blur=Blur(p=1.0, radius_px=(30.0, 30.0)))
    assert augmented(blur, picture(8), size_px=8).std() < 0.1


def test_certain_shift_moves_the_picture_and_leaves_black() -> None:
    shift = Augmentation(affine=Affine(p=1.0, degrees=0, translate=(0.5, 0.0)))
    got = augmented(shift, torch.full((3, 32, 32), 255, dtype=torch.uint8))
    black = int((got[0, 0] == 0).sum())
    assert 0 < black <= 16
    assert set(got.flatten().tolist()) == {0.0, 1.0}


def test_turns_stay_within_the_angle() -> None:
    white = torch.full((3, 32, 32), 255, dtype=torch.uint8)
    turned = Image.fromarray(white.permute(1, 2, 0).numpy()).rotate(10)
    most = int((np.asarray(turned)[..., 0] == 0).sum())
    build = {"size_px": 32, "mean": MEAN, "std": STD}
    chosen = Augmentation(rotation=Rotation(p=1.0, degrees=10))
    transform = TrainTransform(**build, augmentation=chosen).build()  # type: ignore[arg-type]
    torch.manual_seed(0)
    black = [int((transform(white)[0] == 0).sum()) for _ in range(60)]
    assert most / 2 < max(black) <= most + 4


def test_erasing_happens_after_normalisation() -> None:
    erased = Augmentation(erasing=Erasing(p=1.0, area=(0.25, 0.25), aspect=(1.0, 1.0), value=7.0))
    got = augmented(erased, picture(), mean=(0.5,) * 3, std=(0.25,) * 3)
    assert int((got == 7).sum()) == 3 * 16 * 16


def test_a_padded_crop_is_a_place_of_the_padded_picture() -> None:
    image_chw = picture()
    got = augmented(Augmentation(crop_padding_px=4), image_chw)
    padded = torch.nn.functional.pad(image_chw, (4, 4, 4, 4)) / 255
    places = padded.unfold(1, 32, 1).unfold(2, 32, 1)
    assert any(
        torch.allclose(places[:, y, x], got) for y in range(9) for x in range(9) if (y, x) != (4, 4)
    )


def test_a_crop_from_the_middle_sees_nothing_outside_it() -> None:
    image_chw = picture(64)
    image_chw[:, 16:48, 16:48] = 0
    first = Augmentation(middle_first=True, crop_scale=(0.9, 1.0))
    assert augmented(first, image_chw, crop_fraction=0.5).max() == 0
    from_all = Augmentation(crop_scale=(0.9, 1.0))
    assert augmented(from_all, image_chw, crop_fraction=0.5).max() > 0


@pytest.mark.parametrize(
    "rare",
    [
        Augmentation(rotation=Rotation(p=0.25, degrees=90)),
        Augmentation(blur=Blur(p=0.25)),
        Augmentation(affine=Affine(p=0.25, degrees=90)),
        Augmentation(perspective=Perspective(p=0.25)),
        Augmentation(solarise=Solarise(p=0.25)),
        Augmentation(erasing=Erasing(p=0.25)),
    ],
)
def test_each_happens_with_its_probability(rare: Augmentation) -> None:
    image_chw = picture(16)
    build = {"size_px": 16, "mean": MEAN, "std": STD}
    plain = EvalTransform(**build).build()(image_chw)  # type: ignore[arg-type]
    transform = TrainTransform(**build, augmentation=rare).build()  # type: ignore[arg-type]
    torch.manual_seed(0)
    changed = sum(not torch.equal(transform(image_chw), plain) for _ in range(200))
    assert 25 < changed < 75  # 50 +- 6 sd


def test_a_config_with_distortions_survives_json() -> None:
    assert from_mapping(Augmentation, canonical(ALL)) == ALL


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Rotation(p=1.5), r"augment.rotation.p must be in \[0, 1\], got 1.5"),
        (lambda: Rotation(degrees=181), r"augment.rotation.degrees must be in \[0, 180\]"),
        (lambda: Blur(radius_px=(2.0, 1.0)), "augment.blur.radius_px must rise"),
        (lambda: Affine(translate=(0.0, 1.5)), "augment.affine.translate must be"),
        (lambda: Affine(scale=(0.0, 1.0)), "augment.affine.scale must rise"),
        (lambda: Affine(shear_degrees=90), "augment.affine.shear_degrees must be"),
        (lambda: Perspective(distortion=2), "augment.perspective.distortion must be"),
        (lambda: Solarise(threshold=256), "augment.solarise.threshold must be"),
        (lambda: Erasing(area=(0.1, 1.5)), "augment.erasing.area must be"),
        (lambda: Erasing(aspect=(3.0, 0.3)), "augment.erasing.aspect must rise"),
        (lambda: Augmentation(crop_padding_px=-1), "augment.crop_padding_px must be >= 0"),
    ],
)
def test_values_out_of_range_are_named(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        wrong()
