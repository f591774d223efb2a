"""Modes of making captions, and the order of pairs."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.alignment.captions import Pairs, captions_from
from trainables.data.cards import get_data_card
from trainables.data.image_set import Annotations, ImageSet
from trainables.data.pixels import ArrayPixels
from trainables.errors import DatasetError

TEXTS = ("Border is 2.5 mm wide. Sharp!  Why? ", "no pigment network")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("findings", TEXTS),
        ("joined", ("Border is 2.5 mm wide. Sharp!  Why? , no pigment network",)),
        ("sentences", ("Border is 2.5 mm wide.", "Sharp!", "Why?", "no pigment network")),
    ],
)
def test_each_mode_makes_its_captions(mode: str, expected: tuple[str, ...]) -> None:
    assert captions_from(TEXTS, mode) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["findings", "joined", "sentences", "report"])
def test_no_text_makes_no_caption(mode: str) -> None:
    assert captions_from((), mode) == ()  # type: ignore[arg-type]


def test_report_is_one_text_as_it_is_and_several_one_after_the_other() -> None:
    assert captions_from(("A. B.",), "report") == ("A. B.",)
    assert captions_from(("one", "two"), "report") == ("one. two",)


def images_with(captions: list[tuple[str, ...]]) -> ImageSet:
    n = len(captions)
    annotations = Annotations(
        labels=np.zeros((n, 0), dtype=np.float32),
        domain_of=np.full(n, "isic"),
        ids=np.array([str(i) for i in range(n)]),
        captions=captions if any(captions) else (),
    )
    pixels = ArrayPixels([np.zeros((n, 3, 4, 4), dtype=np.uint8)])
    return ImageSet.of(get_data_card("isic_findings"), "train", "0" * 64, pixels, annotations)


CAPTIONS = [("a", "b"), (), ("c",), ("d", "e", "f")]


def test_pairs_are_every_picture_with_each_of_its_captions_in_order() -> None:
    pairs = Pairs.of(images_with(CAPTIONS), "findings")
    expected = [(i, text) for i, texts in enumerate(CAPTIONS) for text in texts]
    assert list(zip(pairs.picture_n.tolist(), pairs.captions(range(6)), strict=True)) == expected
    assert pairs.captions([5, 0]) == ["f", "a"]


def test_pairs_of_a_subset_are_those_of_its_pictures() -> None:
    pairs = Pairs.of(images_with(CAPTIONS).subset([3, 0]), "joined")
    assert pairs.captions(range(len(pairs))) == ["d, e, f", "a, b"]


@pytest.mark.parametrize("most", [1, 4, 100])
def test_most_keeps_the_first_pairs(most: int) -> None:
    pairs = Pairs.of(images_with(CAPTIONS), "findings", most)
    assert pairs.captions(range(len(pairs))) == list("abcdef")[:most]


@pytest.mark.parametrize("captions", [[(), ()], [()]])
def test_a_set_without_captions_is_refused(captions: list[tuple[str, ...]]) -> None:
    with pytest.raises(DatasetError, match="isic_findings/train: no picture has a caption"):
        Pairs.of(images_with(captions), "findings")
