"""Nested state to JSON and named tensors, and back, without loss.

JSON knows neither tuples nor integer keys nor NaN, and all three occur in optimizer states, so each
container is written as a one-key object: ``{"dict": [[key, value], ...]}``, ``{"list": [...]}``,
``{"tuple": [...]}``, ``{"tensor": name}``, ``{"float": "nan"}``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def pack(state: Any) -> tuple[Any, dict[str, Tensor]]:
    """Return the JSON-ready tree and the contiguous CPU tensors it names.

    Raises:
        TypeError: something is not a tensor, number, string, bool, None, dict, list or tuple.
    """
    tensors: dict[str, Tensor] = {}
    return _pack(state, tensors), tensors


def unpack(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Inverse of :func:`pack`."""
    if not isinstance(tree, dict):
        return tree
    ((kind, body),) = tree.items()
    if kind == "dict":
        return {unpack(k, tensors): unpack(v, tensors) for k, v in body}
    if kind == "list":
        return [unpack(v, tensors) for v in body]
    if kind == "tuple":
        return tuple(unpack(v, tensors) for v in body)
    if kind == "float":
        return float(body)
    if kind == "channels_last":
        return tensors[body].contiguous(memory_format=torch.channels_last)
    if kind == "tensor":
        return tensors[body]
    raise ValueError(f"unknown kind of node '{kind}'")


def _pack(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        return _pack_tensor(value, tensors)
    if isinstance(value, Mapping):
        return {"dict": [[_pack(k, tensors), _pack(v, tensors)] for k, v in value.items()]}
    if isinstance(value, list):
        return {"list": [_pack(v, tensors) for v in value]}
    if isinstance(value, tuple):
        return {"tuple": [_pack(v, tensors) for v in value]}
    if type(value) is float and not math.isfinite(value):
        return {"float": str(value)}
    # Exact types: a NumPy float or an enum would come back as something else.
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise TypeError(f"a checkpoint cannot hold {value!r} of type {type(value).__name__}")


def _pack_tensor(tensor: Tensor, tensors: dict[str, Tensor]) -> dict[str, str]:
    name = str(len(tensors))
    detached = tensor.detach()
    # Resuming must run the same kernels, so the memory layout is part of the state.
    is_last = detached.dim() == 4 and not detached.is_contiguous()
    is_last = is_last and detached.is_contiguous(memory_format=torch.channels_last)
    # Safetensors refuses tensors that share memory.
    tensors[name] = detached.cpu().clone(memory_format=torch.contiguous_format)
    return {"channels_last" if is_last else "tensor": name}
