"""Train the text tower of a CLIP twin to say what its image tower sees, once per store.

The image tower is the twin's own and stays as it is. Sentences about the classes of the pictures it
was trained on learn to point where pictures of these classes point; what other sentences give is
not random, and means nothing.

Axes: n pictures, k classes, c channels, h rows, w columns, d width.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from trainables.config import BackboneRef, DataRef, seed_from
from trainables.context import Locations
from trainables.data.artifact_store import ArtifactStore
from trainables.data.open import load_split
from trainables.data.transforms import EvalTransform
from trainables.models.card import TWIN, BackboneCard
from trainables.models.clip_text import ClipText
from trainables.models.factory import create_backbone
from trainables.models.seeding import seeded
from trainables.models.twin_pretraining import one_thread
from trainables.models.twin_recipe import SOURCE_DATA, twin_key

_VERSION = 1
"""Raised when the same image tower would get another text tower.

It is in no digest of weights, so ``twin_recipe``'s version, which is, goes up with it.
"""

_FILE = "text.safetensors"
_PICTURES = 500
_BATCH = 50
_STEPS = 60
_LR = 1e-3
_TEMPERATURE = 1 / 0.07  # what CLIP's training starts from; 100, its end, is for longer training
_TEMPLATES = ("a photo of a {}", "a picture of {}", "{}")


def twin_text_weights(card: BackboneCard, locations: Locations) -> Path:
    """Return the file with the text tower of a twin, training it if the store has none.

    Raises:
        StorageError: the store cannot be written.
    """

    def train(folder: Path) -> None:
        with seeded(seed_from(TWIN, card.name, "text")), one_thread():
            text = _trained(ClipText(card), locations)
        state = {name: tensor.contiguous() for name, tensor in text.tower.state_dict().items()}
        save_file(state, folder / _FILE)

    key = {
        **twin_key(card, locations),
        "text": [_VERSION, _STEPS, _PICTURES, _LR, _TEMPERATURE, _TEMPLATES],
    }
    store = ArtifactStore(locations.store)
    return store.get_or_build("twin_text_weights", key, train) / _FILE


def _trained(text: ClipText, locations: Locations) -> ClipText:
    means_kd, classes = _mean_pictures(text.card, locations)
    # The table of words stays: it is most of the parameters, and its draw tells words apart.
    text.tower.token_embedding.requires_grad_(False)
    nn.init.constant_(text.tower.logit_scale, math.log(_TEMPERATURE))
    text.tower.logit_scale.requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in text.parameters() if p.requires_grad], lr=_LR)
    targets_k = torch.arange(len(classes))
    for step in range(_STEPS):
        template = _TEMPLATES[step % len(_TEMPLATES)]
        ids_kt = text.token_ids([template.format(name) for name in classes])
        logits_kk = _TEMPERATURE * means_kd @ F.normalize(text(ids_kt), dim=-1).T
        loss = F.cross_entropy(logits_kk, targets_k) + F.cross_entropy(logits_kk.T, targets_k)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return text


def _mean_pictures(card: BackboneCard, locations: Locations) -> tuple[Tensor, tuple[str, ...]]:
    """Return where the pictures of each class point on average, (k, d), and the classes."""
    images = load_split(DataRef(name=SOURCE_DATA, limit=_PICTURES), "train", locations)
    ref = BackboneRef(card=card.name, weights=TWIN)
    backbone = create_backbone(ref, locations, seed=0).eval()
    transform = EvalTransform(
        size_px=card.image_size_px,
        mean=card.mean,
        std=card.std,
        interpolation=card.interpolation,
    ).build()
    with torch.no_grad():
        parts = [
            F.normalize(backbone(transform(images.images(rows.tolist()))), dim=-1)
            for rows in torch.split(torch.arange(len(images)), _BATCH)
        ]
    feats_nd, labels_n = torch.cat(parts), torch.from_numpy(images.labels)
    classes = tuple(images.classes)
    means = [feats_nd[labels_n == k].mean(dim=0) for k in range(len(classes))]
    centred_kd = torch.stack(means) - feats_nd.mean(dim=0)
    return F.normalize(centred_kd, dim=-1), classes
