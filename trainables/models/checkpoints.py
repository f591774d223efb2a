"""Read published checkpoints safely and load them strictly."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from trainables.errors import WeightsError
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.segmenter_card import SegmenterCard
from trainables.models.text_cards import TextCard

_SHOWN_KEYS = 4


# How many batches a norm has seen is no weight; files from before PyTorch counted lack it.
_COUNTER = ".num_batches_tracked"


def read_published(path: Path, source: WeightsSource) -> dict[str, Tensor]:
    """Read the backbone's tensors of a published file, under their names without the prefix.

    Raises:
        WeightsError: as :func:`read_checkpoint`.
    """
    state = read_checkpoint(path, source.part)
    start = source.prefix
    return {name.removeprefix(start): t for name, t in state.items() if name.startswith(start)}


def read_checkpoint(path: Path, part: str = "") -> dict[str, Tensor]:
    """Read a flat file of named tensors: safetensors, or PyTorch's format without any code in it.

    Args:
        part: entry of a file in PyTorch's format that holds the tensors; other entries, such as an
            optimiser's state, are left out.

    Raises:
        WeightsError: the file is damaged or holds something else than named tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise WeightsError(f"{path} cannot be read as weights: {error}") from None
    if part:
        if not isinstance(state, Mapping) or part not in state:
            raise WeightsError(f"{path} has no entry '{part}' with the tensors")
        state = state[part]
    if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) for t in state.values()):
        raise WeightsError(f"{path} is not a flat set of named tensors")
    return dict(state)


def rename_by_order(
    state: Mapping[str, Tensor], model: Mapping[str, Tensor], card: BackboneCard, path: Path
) -> dict[str, Tensor]:
    """Give tensors the model's names, for a file with the model's order but other names.

    Args:
        model: the model's own state, in order; in the file the card's ignored keys follow.

    Raises:
        WeightsError: another number of tensors, or a pair of different shapes.
    """
    names = [*model, *card.ignored_keys]
    if len(names) != len(state):
        raise WeightsError(f"{path} has {len(state)} tensors, the model expects {len(names)}")
    renamed = {}
    for name, (theirs, tensor) in zip(names, state.items(), strict=True):
        if name in model and model[name].shape != tensor.shape:
            raise WeightsError(
                f"{path}: '{theirs}' has shape {tuple(tensor.shape)} where '{name}' "
                f"needs {tuple(model[name].shape)}"
            )
        renamed[name] = tensor
    return renamed


def load_strictly(
    module: nn.Module,
    state: Mapping[str, Tensor],
    card: BackboneCard | TextCard | SegmenterCard,
    path: Path,
) -> None:
    """Load a state that must fit the module exactly, apart from what the card lets it ignore.

    Raises:
        WeightsError: a tensor is missing, left over or of another shape; the message names it.
    """
    own = module.state_dict()
    kept = {k: t for k, t in state.items() if k in own or not _is_ignored(k, card.ignored_keys)}
    shapes = [
        f"{k} {tuple(kept[k].shape)} instead of {tuple(own[k].shape)}"
        for k in own
        if k in kept and kept[k].shape != own[k].shape
    ]
    problems = {
        "missing": [k for k in own if k not in kept and not k.endswith(_COUNTER)],
        "unexpected": [k for k in kept if k not in own],
        "of another shape": shapes,
    }
    found = [f"{_shorten(keys)} {what}" for what, keys in problems.items() if keys]
    if found:
        raise WeightsError(f"{path} does not fit backbone '{card.name}': {'; '.join(found)}")
    module.load_state_dict(kept, strict=True)


def _is_ignored(key: str, ignored: Sequence[str]) -> bool:
    return any(key == entry or (entry[-1] == "." and key.startswith(entry)) for entry in ignored)


def _shorten(keys: list[str]) -> str:
    more = len(keys) - _SHOWN_KEYS
    return ", ".join(keys[:_SHOWN_KEYS]) + (f" and {more} more" if more > 0 else "")
