"""The projector of CRIS: a kernel made from the sentence slides over the enlarged map.

Axes: n pictures, c channels, h rows, w columns, d width.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from trainables.models.segmenters.cris.layers import conv_block

_KERNEL = 3


class Projector(nn.Module):
    """From a map and a sentence to one score per place.

    Args:
        word_dim: width of the sentence.
        dim: half of the map's channels.
    """

    def __init__(self, word_dim: int, dim: int) -> None:
        super().__init__()
        self.vis = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"),
            conv_block(2 * dim, 2 * dim, 3),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            conv_block(2 * dim, dim, 3),
            nn.Conv2d(dim, dim, 1),
        )
        self.txt = nn.Linear(word_dim, dim * _KERNEL**2 + 1)

    def forward(self, map_nchw: Tensor, sentence_nd: Tensor) -> Tensor:
        """Return scores (n, 1, 4 h, 4 w)."""
        x_nchw = self.vis(map_nchw)
        n, dim, h, w = x_nchw.shape
        made_nd = self.txt(sentence_nd)
        kernel_nchw = made_nd[:, :-1].reshape(n, dim, _KERNEL, _KERNEL)
        scores_1nhw = F.conv2d(
            x_nchw.reshape(1, n * dim, h, w),
            kernel_nchw,
            made_nd[:, -1],
            padding=_KERNEL // 2,
            groups=n,
        )
        return scores_1nhw.transpose(0, 1)
