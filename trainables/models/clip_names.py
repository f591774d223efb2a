"""Read published CLIP files of both towers, whichever library's names they have.

Legend: q, k, v are the three matrices of attention.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from trainables.models.checkpoints import read_checkpoint

_TRANSFORMERS_MARK = "vision_model."

# From transformers' names to those of OpenAI and open_clip.
_WHOLE = {
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "logit_scale": "logit_scale",
}
# These are matrices there, and multiplied from the other side.
_TRANSPOSED = {
    "visual_projection.weight": "visual.proj",
    "text_projection.weight": "text_projection",
}
_STARTS = {
    # The library misspells it.
    "vision_model.pre_layrnorm.": "visual.ln_pre.",
    "vision_model.post_layernorm.": "visual.ln_post.",
    "vision_model.encoder.layers.": "visual.transformer.resblocks.",
    "text_model.final_layer_norm.": "ln_final.",
    "text_model.encoder.layers.": "transformer.resblocks.",
}
_INSIDE = {
    ".layer_norm1.": ".ln_1.",
    ".layer_norm2.": ".ln_2.",
    ".mlp.fc1.": ".mlp.c_fc.",
    ".mlp.fc2.": ".mlp.c_proj.",
    ".self_attn.out_proj.": ".attn.out_proj.",
}
# Buffers that older versions of the library saved.
_BUFFERS = ("vision_model.embeddings.position_ids", "text_model.embeddings.position_ids")


def read_pair(path: Path) -> dict[str, Tensor]:
    """Read a CLIP file under open_clip's names; transformers' names are translated.

    Raises:
        WeightsError: the file is damaged or holds something else than named tensors.
    """
    state = read_checkpoint(path)
    if not any(name.startswith(_TRANSFORMERS_MARK) for name in state):
        return state
    return _translated(state)


def _translated(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name in _BUFFERS or ".self_attn.k_proj." in name or ".self_attn.v_proj." in name:
            continue
        if ".self_attn.q_proj." in name:
            found[_joined_name(name)] = _joined(state, name)
        elif name in _TRANSPOSED:
            found[_TRANSPOSED[name]] = tensor.T.contiguous()
        else:
            found[_WHOLE.get(name) or _renamed(name)] = tensor
    return found


def _joined_name(q_name: str) -> str:
    """Return the name of the matrix (or bias) that open_clip keeps q, k and v in."""
    return _renamed(q_name).replace(".self_attn.q_proj.", ".attn.in_proj_")


def _joined(state: Mapping[str, Tensor], q_name: str) -> Tensor:
    names = [q_name.replace(".q_proj.", f".{which}_proj.") for which in "qkv"]
    # One that is absent leaves the joined tensor too small, which the strict loader names.
    return torch.cat([state[name] for name in names if name in state])


def _renamed(name: str) -> str:
    """Return a name with its parts translated; one that is unknown stays and is refused later."""
    for old, new in _STARTS.items():
        if name.startswith(old):
            name = new + name.removeprefix(old)
    for old, new in _INSIDE.items():
        name = name.replace(old, new)
    return name
