"""Transforms give the promised shapes and values, and draw from torch's generator alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from trainables.config import digest
from trainables.data.augmentation import Augmentation
from trainables.data.transforms import EvalTransform, TrainTransform
from trainables.errors import ConfigError

MEAN, STD = (0.4, 0.5, 0.6), (0.1, 0.2, 0.3)


def picture(height: int, width: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, height, width), generator=rng, dtype=torch.uint8)


@pytest.mark.parametrize("resize", ["squash", "center_crop", "pad"])
def test_eval_treats_batches_as_its_pictures_one_by_one(resize: str) -> None:
    transform = EvalTransform(size_px=16, mean=MEAN, std=STD, resize=resize).build()  # type: ignore[arg-type]
    batch_nchw = torch.stack([picture(24, 40), picture(24, 40).flip(2)])
    together = transform(batch_nchw)
    assert together.shape == (2, 3, 16, 16)
    assert together.dtype == torch.float32
    for one, image_chw in zip(together, batch_nchw, strict=True):
        torch.testing.assert_close(one, transform(image_chw))


@pytest.mark.parametrize("resize", ["center_crop", "pad"])
def test_pictures_trained_on_unchanged_are_those_evaluated(resize: str) -> None:
    plain = {"size_px": 16, "mean": MEAN, "std": STD, "resize": resize}
    image_chw = picture(24, 41)
    evaluated = EvalTransform(**plain).build()(image_chw)  # type: ignore[arg-type]
    trained = TrainTransform(**plain).build()(image_chw)  # type: ignore[arg-type]
    torch.testing.assert_close(trained, evaluated)


def test_eval_at_the_same_size_only_normalises() -> None:
    image_chw = picture(16, 16)
    expected = (image_chw.numpy() / 255 - np.array(MEAN)[:, None, None]) / np.array(STD)[
        :, None, None
    ]
    result = EvalTransform(size_px=16, mean=MEAN, std=STD).build()(image_chw)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(("name", "filter_"), [("bilinear", 2), ("bicubic", 3)])
def test_resizing_agrees_with_pillow(name: str, filter_: int) -> None:
    image_chw = picture(50, 30)
    pillow = Image.fromarray(image_chw.permute(1, 2, 0).numpy()).resize((16, 16), filter_)
    transform = EvalTransform(size_px=16, mean=(0,) * 3, std=(1,) * 3, interpolation=name)  # type: ignore[arg-type]
    result_hwc = (transform.build()(image_chw) * 255).permute(1, 2, 0).numpy()
    # Both round to whole grey levels, at different moments.
    assert np.abs(result_hwc - np.asarray(pillow, dtype=float)).max() <= 1.01


def test_center_crop_cuts_the_middle_of_the_scaled_picture() -> None:
    image_chw = torch.zeros(3, 40, 80, dtype=torch.uint8)
    image_chw[:, 10:30, 30:50] = 255
    transform = EvalTransform(
        size_px=20, mean=(0,) * 3, std=(1,) * 3, resize="center_crop", crop_fraction=0.5
    )
    # The short side of 40 stays 40 and the middle 20 x 20 is exactly the white square.
    assert transform.build()(image_chw).min() == 1


def test_train_without_augmentation_equals_eval() -> None:
    image_chw = picture(24, 24)
    train = TrainTransform(size_px=16, mean=MEAN, std=STD).build()(image_chw)
    torch.testing.assert_close(
        train, EvalTransform(size_px=16, mean=MEAN, std=STD).build()(image_chw)
    )


def test_augmentation_follows_torch_seed_only() -> None:
    transform = TrainTransform(
        size_px=16,
        mean=MEAN,
        std=STD,
        crop_fraction=0.8,
        augmentation=Augmentation.preset("feature_reuse"),
    ).build()
    image_chw = picture(24, 24)

    def draw(seed: int, numpy_seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        np.random.seed(numpy_seed)
        return transform(image_chw)

    torch.testing.assert_close(draw(0, 1), draw(0, 2))
    assert not torch.equal(draw(0, 1), draw(1, 1))


@pytest.mark.parametrize(("flag", "axis"), [("horizontal_flip", 2), ("vertical_flip", 1)])
def test_certain_flips_mirror(flag: str, axis: int) -> None:
    image_chw = picture(16, 16)
    plain = EvalTransform(size_px=16, mean=MEAN, std=STD).build()(image_chw)
    flip = Augmentation(**{flag: 1.0})  # type: ignore[arg-type]
    flipped = TrainTransform(size_px=16, mean=MEAN, std=STD, augmentation=flip).build()(image_chw)
    torch.testing.assert_close(flipped, plain.flip(axis))


def test_canonical_form_tells_transforms_apart() -> None:
    forms = [
        EvalTransform(size_px=16, mean=MEAN, std=STD),
        EvalTransform(size_px=32, mean=MEAN, std=STD),
        EvalTransform(size_px=16, mean=STD, std=STD),
        EvalTransform(size_px=16, mean=MEAN, std=STD, interpolation="bicubic"),
        EvalTransform(size_px=16, mean=MEAN, std=STD, resize="center_crop"),
    ]
    assert len({digest(form) for form in forms}) == len(forms)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_px": 0},
        {"std": (0.0, 1.0, 1.0)},
        {"crop_fraction": 1.5},
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        TrainTransform(**{"size_px": 16, "mean": MEAN, "std": STD, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"horizontal_flip": 1.5},
        {"crop_scale": (0.9, 0.1)},
        {"crop_scale": (0.0, 1.0)},
        {"hue": 0.7},
        {"jitter": -0.1},
        {"greyscale": 2.0},
    ],
)
def test_augmentations_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Augmentation(**wrong)


def test_unknown_preset_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'lihgt'.*'light'"):
        Augmentation.preset("lihgt")


def names(transform: Any) -> list[str]:
    """Name the steps as the published code's libraries do."""
    steps = [getattr(step, "transforms", [step])[0] for step in transform.transforms]
    return ["ToTensor" if type(s).__name__ == "ToDtype" else type(s).__name__ for s in steps]


def test_order_of_the_shipped_augmentation_conforms(golden: Callable[[str], Any]) -> None:
    case = golden("transform_order")["cases"][0]
    blocks = case["train_transforms"]
    chosen = Augmentation.preset("feature_reuse")
    fraction = blocks["RandomResizedCrop"]["size"] / blocks["Resize"]["height"]
    transform = TrainTransform(
        size_px=224, mean=MEAN, std=STD, crop_fraction=fraction, augmentation=chosen
    ).build()
    assert names(transform) == case["order"]
    resize, crop = transform.transforms[:2]  # type: ignore[attr-defined]
    assert (list(resize.size), list(crop.size)) == ([256, 256], [224, 224])
    jitter = blocks["ColorJitter"]
    assert {name: getattr(chosen, name) for name in jitter.keys() & {*chosen.__slots__}} == {
        name: jitter[name] for name in ("brightness", "contrast", "saturation", "hue")
    }
    assert chosen.jitter == jitter["p"]
    assert chosen.greyscale == blocks["RandomGrayscale"]["p"]
    assert list(chosen.crop_scale or ()) == blocks["RandomResizedCrop"]["scale"]
    assert chosen.vertical_flip == blocks["VerticalFlip"]["p"]
    assert chosen.horizontal_flip == blocks["HorizontalFlip"]["p"]


@pytest.mark.parametrize("kind", [EvalTransform, TrainTransform])
def test_order_without_augmentation_conforms(golden: Callable[[str], Any], kind: Any) -> None:
    case = golden("transform_order")["cases"][2]
    transform = kind(size_px=224, mean=MEAN, std=STD, crop_fraction=0.875).build()
    assert names(transform) == case["order"]


def test_squashed_pictures_are_cut_in_the_middle_in_proportion() -> None:
    """256 -> 224 becomes 64 -> 56: four pixels are lost on each side of a squashed picture."""
    image_chw = picture(50, 30)
    whole = EvalTransform(size_px=64, mean=MEAN, std=STD).build()(image_chw)
    cut = EvalTransform(size_px=56, mean=MEAN, std=STD, crop_fraction=0.875).build()(image_chw)
    torch.testing.assert_close(cut, whole[:, 4:-4, 4:-4])


def test_crops_larger_than_the_picture_take_all_of_it() -> None:
    image_chw = picture(16, 16)
    larger = Augmentation(crop_scale=(1.1, 1.2))
    got = TrainTransform(size_px=16, mean=MEAN, std=STD, augmentation=larger).build()(image_chw)
    whole = EvalTransform(size_px=16, mean=MEAN, std=STD).build()(image_chw)
    torch.testing.assert_close(got, whole)


def test_certain_greyscale_makes_the_channels_equal() -> None:
    grey = Augmentation(greyscale=1.0)
    transform = TrainTransform(size_px=8, mean=(0,) * 3, std=(1,) * 3, augmentation=grey).build()
    x_chw = transform(picture(8, 8))
    torch.testing.assert_close(x_chw[0], x_chw[1])
    torch.testing.assert_close(x_chw[0], x_chw[2])


def test_jitter_happens_with_its_probability() -> None:
    rarely = Augmentation(brightness=0.5, jitter=0.2)
    transform = TrainTransform(size_px=8, mean=(0,) * 3, std=(1,) * 3, augmentation=rarely).build()
    image_chw = picture(8, 8)
    plain = EvalTransform(size_px=8, mean=(0,) * 3, std=(1,) * 3).build()(image_chw)
    torch.manual_seed(0)
    changed = sum(not torch.equal(transform(image_chw), plain) for _ in range(200))
    assert 20 < changed < 60  # 40 +- 3.5 sd
