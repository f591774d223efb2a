"""CKA against the published code and against the sums of Song et al. in loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from analysed_networks import SMALL, pictures, small_classifier
from torch import Tensor, nn

from trainables.analyses.analysis_config import Aggregate
from trainables.analyses.capture import capture
from trainables.analyses.cka import (
    WITHIN,
    centre,
    hsic_gram,
    layer_similarity,
    summed_cka,
    unbiased_cka,
)
from trainables.analyses.layers import Layer, analysed_layers
from trainables.analyses.pooling import FEATURE_KINDS, flatten
from trainables.context import Locations
from trainables.errors import DatasetError

Array = np.ndarray[Any, np.dtype[np.float64]]


def hsic_by_loops(k: Array, l: Array) -> float:  # noqa: E741
    """Return the unbiased estimator of Song et al. 2012, equation 5, times n (n - 3)."""
    n = len(k)
    off = [(i, j) for i in range(n) for j in range(n) if i != j]
    trace = sum(k[i, j] * l[i, j] for i, j in off)
    products = sum(k[i, j] for i, j in off) * sum(l[i, j] for i, j in off)
    chained = sum(k[i, j] * l[j, m] for i, j in off for m in range(n) if m != j)
    return float(trace + products / ((n - 1) * (n - 2)) - 2 * chained / (n - 2))


def cka_by_loops(x: Array, y: Array) -> float:
    k, l = x @ x.T, y @ y.T  # noqa: E741
    return hsic_by_loops(k, l) / float(np.sqrt(hsic_by_loops(k, k) * hsic_by_loops(l, l)))


def normal(n: int, d: int, seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d)))


@pytest.mark.parametrize("case_number", range(11))
def test_cka_conforms(golden: Callable[[str], Any], case_number: int) -> None:
    case = golden("cka")["cases"][case_number]
    for dtype, column, tolerance in (
        (torch.float64, "cka_numpy_float64", 1e-9),
        (torch.float64, "cka_torch_float64", 1e-9),
        (torch.float32, "cka_torch_float32_input", 1e-5),
    ):
        got = unbiased_cka(
            torch.tensor(case["x"], dtype=dtype), torch.tensor(case["y"], dtype=dtype)
        )
        expected = float("nan") if case[column] is None else case[column]
        assert got == pytest.approx(expected, rel=tolerance, nan_ok=True), column


@pytest.mark.parametrize("case_number", [0, 1])
def test_centring_conforms(golden: Callable[[str], Any], case_number: int) -> None:
    case = golden("cka")["gram_centering"][case_number]
    got = centre(torch.tensor(case["gram"], dtype=torch.float64))
    np.testing.assert_allclose(got.numpy(), case["centered_numpy"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n", [4, 5, 9])
def test_cka_equals_loops(n: int) -> None:
    x, y = normal(n, 3, seed=0), normal(n, 6, seed=1) + 2
    assert unbiased_cka(x, y) == pytest.approx(cka_by_loops(x.numpy(), y.numpy()), rel=1e-9)


def hsic_by_traces(x: Array, y: Array) -> float:
    """Return the estimator with its divisor, from products of matrices with zeroed diagonals."""
    k, l = x @ x.T, y @ y.T  # noqa: E741
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    n, one = len(k), np.ones(len(k))
    products = (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2))
    chained = 2 / (n - 2) * (one @ k @ l @ one)
    return float((np.trace(k @ l) + products - chained) / (n * (n - 3)))


def cka_of_sums(batches: list[tuple[Array, Array]]) -> float:
    xy = sum(hsic_by_traces(x, y) for x, y in batches)
    xx = sum(hsic_by_traces(x, x) for x, _ in batches)
    yy = sum(hsic_by_traces(y, y) for _, y in batches)
    return float(xy / np.sqrt(xx * yy))


@pytest.mark.parametrize("n", [4, 5, 9])
def test_hsic_is_an_inner_product_of_grams(n: int) -> None:
    x, y = normal(n, 3, seed=0) + 1, normal(n, 6, seed=1)
    got = float((hsic_gram(x) * hsic_gram(y)).sum())
    assert got == pytest.approx(hsic_by_traces(x.numpy(), y.numpy()), rel=1e-9)
    by_loops = hsic_by_loops((x @ x.T).numpy(), (y @ y.T).numpy()) / (n * (n - 3))
    assert got == pytest.approx(by_loops, rel=1e-9)


def test_hsic_is_summed_over_batches_and_small_ones_are_left_out() -> None:
    x = normal(15, 3, seed=0)
    y = x @ normal(3, 5, seed=1) + normal(15, 5, seed=2)
    batches = list(zip(x.split([8, 4, 3]), y.split([8, 4, 3]), strict=True))
    expected = cka_of_sums([(a.numpy(), b.numpy()) for a, b in batches[:2]])
    assert summed_cka(batches) == pytest.approx(expected, rel=1e-9)
    mean = (unbiased_cka(*batches[0]) + unbiased_cka(*batches[1])) / 2
    assert summed_cka(batches) != pytest.approx(mean, rel=1e-3)


def test_one_batch_of_sums_is_plain_cka() -> None:
    x, y = normal(9, 3, seed=0), normal(9, 6, seed=1)
    assert summed_cka([(x, y)]) == pytest.approx(unbiased_cka(x, y), rel=1e-12)
    assert summed_cka([(x, 3 * x + 1)] * 2) == pytest.approx(1)


@pytest.mark.parametrize("seed", range(5))
def test_similarity_with_equal_features_is_not_defined(seed: int) -> None:
    x, same = normal(7, 3, seed=0), normal(1, 70, seed=seed).expand(7, -1)
    assert np.isnan(summed_cka([(x, same)]))
    assert np.isnan(unbiased_cka(x, same))


def test_sums_without_a_batch_are_refused() -> None:
    with pytest.raises(DatasetError, match="at least 4 pictures"):
        summed_cka([(normal(3, 2, seed=0), normal(3, 2, seed=1))])


def test_centring_leaves_its_input_alone() -> None:
    gram = normal(5, 5, seed=0)
    before = gram.clone()
    centre(gram)
    assert torch.equal(gram, before)


def test_three_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 4 pairs"):
        unbiased_cka(normal(3, 2, seed=0), normal(3, 2, seed=1))


class Replay(nn.Module):
    """A model whose modules return stored outputs, of the batch that its input is the number of."""

    def __init__(self, batches: list[dict[str, Any]], paths: list[str]) -> None:
        super().__init__()
        self.batches, self.stages = batches, nn.ModuleDict()
        self.paths = {path.replace(".", "-"): path for path in paths}
        for name in self.paths:
            self.stages[name] = nn.Identity()

    def forward(self, x_n: Tensor) -> None:
        for name, path in self.paths.items():
            self.stages[name](torch.tensor(self.batches[int(x_n[0])][path]["all"]))


def test_layer_by_layer_similarity_conforms(golden: Callable[[str], Any]) -> None:
    case = golden("cka")["layerwise"]
    paths = [path for path in case["layer_order"] if path != "fc"]
    layers = [
        Layer(
            name=path,
            path=f"stages.{path.replace('.', '-')}",
            kind="attn",
            layout="tokens" if path.endswith("patch_embed") else "class_tokens",
        )
        for path in paths
    ]
    models = {
        name: Replay([batch[stored] for batch in case["batches"]], paths)
        for name, stored in (("trained", "trained"), ("initial", "init"))
    }
    sizes = [len(batch["trained"]["fc"]["all"]) for batch in case["batches"]]
    batches = [torch.full((size,), number) for number, size in enumerate(sizes)]
    too_small = torch.zeros(3)
    found = layer_similarity(models, WITHIN, layers, [*batches, too_small])
    for rows, columns in WITHIN:
        name = f"{rows}_to_{columns}".replace("initial", "init")
        expected = case["mean_over_batches"][name]
        assert list(found[rows, columns]) == list(FEATURE_KINDS)
        for kind, got in found[rows, columns].items():
            np.testing.assert_allclose(got.numpy(), expected[kind], atol=1e-6, err_msg=name)


def test_layers_too_have_hsic_summed_over_batches(locations: Locations) -> None:
    name = next(name for name in SMALL if "deit" in name)
    a, b = (small_classifier(name, locations, seed).double() for seed in (0, 1))
    layers = analysed_layers(a.backbone)[:3]
    parts = pictures(a, 14).double().split([6, 5, 3])
    found = layer_similarity({"wt": a, "st": b}, [("wt", "st")], layers, parts, "hsic")
    paths = [layer.path for layer in layers]
    seen = [[capture(model, paths, x) for x in parts[:2]] for model in (a, b)]
    for kind, got in found["wt", "st"].items():
        for i, row in enumerate(layers):
            for j, column in enumerate(layers):
                batches = [
                    (
                        flatten(one[row.path], row.layout, len(x)),
                        flatten(two[column.path], column.layout, len(x)),
                    )
                    for x, one, two in zip(parts[:2], *seen, strict=True)
                ]
                both = all(kind in x and kind in y for x, y in batches)
                expected = (
                    cka_of_sums([(x[kind].numpy(), y[kind].numpy()) for x, y in batches])
                    if both
                    else 0
                )
                assert float(got[i, j]) == pytest.approx(expected, abs=1e-6), (kind, i, j)


@pytest.mark.parametrize("aggregate", ["mean", "hsic"])
def test_a_layer_that_puts_out_one_thing_has_no_similarity(aggregate: Aggregate) -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flat, self.whole = nn.Identity(), nn.Identity()

        def forward(self, x_nd: Tensor) -> None:
            self.flat(torch.zeros(len(x_nd), 2, 3))
            self.whole(x_nd[:, None].expand(-1, 2, -1))

    layers = [
        Layer(name="flat", path="flat", kind="attn", layout="tokens"),
        Layer(name="whole", path="whole", kind="attn", layout="class_tokens"),
    ]
    pair = ("trained", "trained")
    found = layer_similarity(
        {"trained": Flat()}, [pair], layers, [normal(6, 3, seed=0)] * 2, aggregate
    )[pair]
    nan = float("nan")
    for kind, expected in {"all": [[nan, nan], [nan, 1]], "cls": [[0, 0], [0, 1]]}.items():
        np.testing.assert_allclose(found[kind].numpy(), expected)  # type: ignore[index]


@pytest.mark.parametrize("name", SMALL)
def test_every_family_equals_pairs_of_captured_layers(name: str, locations: Locations) -> None:
    a, b = (small_classifier(name, locations, seed).double() for seed in (0, 1))
    layers = analysed_layers(a.backbone)[:4]
    x_nchw = pictures(a, 5).double()
    found = layer_similarity({"wt": a, "st": b}, [("wt", "st")], layers, [x_nchw])["wt", "st"]
    outputs = [capture(model, [layer.path for layer in layers], x_nchw) for model in (a, b)]
    rows, columns = ([flatten(out[ly.path], ly.layout, 5) for ly in layers] for out in outputs)
    for kind, got in found.items():
        for i, x in enumerate(rows):
            for j, y in enumerate(columns):
                both = kind in x and kind in y
                expected = cka_by_loops(x[kind].numpy(), y[kind].numpy()) if both else 0
                assert float(got[i, j]) == pytest.approx(expected, abs=1e-6), (kind, i, j)


def test_minibatches_count_the_same_whatever_their_size(locations: Locations) -> None:
    model = small_classifier("resnet50_twin", locations)
    layers = analysed_layers(model.backbone)[:-1]
    x_nchw = pictures(model, 13)
    pair = ("trained", "trained")
    parts = x_nchw.split([8, 5])
    both = layer_similarity({"trained": model}, [pair], layers, parts)[pair]["all"]
    each = [layer_similarity({"trained": model}, [pair], layers, [x])[pair]["all"] for x in parts]
    torch.testing.assert_close(both, (each[0] + each[1]) / 2)
    torch.testing.assert_close(both.diagonal(), torch.ones(len(layers)).double())
    torch.testing.assert_close(both, both.T)


def test_only_small_batches_are_refused(locations: Locations) -> None:
    model = small_classifier("resnet50_twin", locations)
    with pytest.raises(DatasetError, match="at least 4 pictures"):
        layer_similarity(
            {"trained": model},
            [("trained", "trained")],
            analysed_layers(model.backbone),
            [pictures(model, 3)],
        )
