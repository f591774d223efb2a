import pytest
import torch
from timm.layers import resample_abs_pos_embed

from trainables.models.positions import resize_positions


def keys_weight(distance: float, a: float = -0.75) -> float:
    """Keys' cubic convolution kernel, with PyTorch's parameter."""
    d = abs(distance)
    if d < 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


def ramp(side: int, n_prefix: int = 1) -> torch.Tensor:
    """Positions whose only entry is their column, after a prefix of -1."""
    columns = torch.arange(side, dtype=torch.float32).repeat(side)
    return torch.cat([-torch.ones(n_prefix), columns])[:, None]


def test_antialiased_equals_timm():
    positions_nd = torch.randn(37 * 37 + 1, 8, generator=torch.Generator().manual_seed(0))
    theirs = resample_abs_pos_embed(positions_nd[None], [16, 16], num_prefix_tokens=1)[0]
    ours = resize_positions(positions_nd, 16 * 16 + 1, 1, "antialiased")
    torch.testing.assert_close(ours, theirs)


def test_dinov2_samples_where_its_authors_do():
    resized = resize_positions(ramp(37), 16 * 16 + 1, 1, "dinov2")[1:, 0].reshape(16, 16)
    for column in range(1, 15):
        # scale = (new + 0.1) / old, pixel centres at half integers
        place = (column + 0.5) * 37 / 16.1 - 0.5
        expected = sum(value * keys_weight(place - value) for value in range(37))
        assert resized[8, column].item() == pytest.approx(expected, abs=1e-3)


def test_no_square_grid_is_left_for_strict_loading():
    positions_nd = ramp(14, n_prefix=2)
    assert resize_positions(positions_nd, 26, 1, "antialiased") is positions_nd


@pytest.mark.parametrize("style", ["antialiased", "dinov2"])
def test_prefix_and_equal_size_stay_untouched(style):
    positions_nd = ramp(7, n_prefix=2)
    assert resize_positions(positions_nd, 7 * 7 + 2, 2, style) is positions_nd
    assert torch.equal(resize_positions(positions_nd, 25 + 2, 2, style)[:2], positions_nd[:2])
