"""Validation loss and recall, against loops."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from trainables.alignment.pair_model import Aligned
from trainables.alignment.validation import retrieval_metrics


def found(n: int) -> Aligned:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randn(n, 6, generator=generator) for _ in range(2)]
    return Aligned(*(functional.normalize(x, dim=-1) for x in rows), torch.tensor(5.0))


def test_loss_is_the_mean_over_pairs_of_batches_in_file_order() -> None:
    values = found(10)
    total = 0.0
    for first, last in ((0, 4), (4, 8), (8, 10)):
        images, texts = values.images_nd[first:last], values.texts_nd[first:last]
        for i in range(last - first):
            for own, others in ((images[i], texts), (texts[i], images)):
                scores = [float(5 * own @ other) for other in others]
                total -= float(torch.tensor(scores).log_softmax(0)[i]) / 2
    metrics = retrieval_metrics(values, batch_size=4)
    assert metrics["contrastive_loss"] == pytest.approx(total / 10, rel=1e-5)


def test_recall_is_the_share_whose_own_is_among_the_first_of_a_sorted_list() -> None:
    values = found(2500)  # several blocks of rows
    metrics = retrieval_metrics(values, batch_size=500)
    ways = {
        "image_to_text": values.images_nd @ values.texts_nd.T,
        "text_to_image": values.texts_nd @ values.images_nd.T,
    }
    for way, scores in ways.items():
        order = scores.argsort(dim=1, descending=True)
        place = (order == torch.arange(2500)[:, None]).int().argmax(dim=1)
        for k in (1, 5, 10):
            assert metrics[f"{way}_r{k}"] == pytest.approx(float((place < k).float().mean()))


def test_equal_captions_do_not_push_each_other_down() -> None:
    images_nd = functional.normalize(torch.randn(40, 6), dim=-1)
    texts_nd = images_nd[:1].expand(40, -1) + 1e-7 * torch.randn(40, 6)
    metrics = retrieval_metrics(Aligned(images_nd, texts_nd, torch.tensor(1.0)), batch_size=40)
    assert metrics["image_to_text_r1"] == 1
    assert metrics["text_to_image_r1"] == pytest.approx(1 / 40)


def test_pairs_that_match_perfectly_are_all_found() -> None:
    same = functional.normalize(torch.eye(7), dim=-1)
    metrics = retrieval_metrics(Aligned(same, same, torch.tensor(100.0)), batch_size=7)
    assert metrics["contrastive_loss"] == pytest.approx(0, abs=1e-6)
    assert metrics["image_to_text_r1"] == metrics["text_to_image_r1"] == 1
