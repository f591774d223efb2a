import torch
from torch import nn

from trainables.config import BackboneRef
from trainables.models.factory import create_backbone
from trainables.models.heads import Classifier, LinearHead


def test_head_is_pytorch_s_default_of_its_seed():
    torch.manual_seed(7)
    expected = nn.Linear(12, 3)
    torch.manual_seed(8)
    before = torch.random.get_rng_state()
    head = LinearHead(12, 3, seed=7)
    assert torch.equal(head.weight, expected.weight)
    assert torch.equal(head.bias, expected.bias)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.equal(LinearHead(12, 3, seed=6).weight, head.weight)


def test_classifier_reads_the_pooled_feature(locations):
    backbone = create_backbone(BackboneRef(card="deit_s_twin"), locations, seed=0).eval()
    head = LinearHead(backbone.dim, 5, seed=0)
    x_nchw = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        logits_nk = Classifier(backbone, head)(x_nchw)
        expected = backbone.features(x_nchw).pooled_nd @ head.weight.T + head.bias
    assert torch.allclose(logits_nk, expected, atol=1e-6)
