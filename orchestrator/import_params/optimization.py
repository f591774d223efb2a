"""From ``optimization_params`` without the scheduler to the optimizer of the config."""

from __future__ import annotations

from typing import Any

from orchestrator.import_params.translation import Translation

_BLOCK = "optimization_params.default"
_OPTIMIZER = f"{_BLOCK}.optimizer"
_LARS = f"{_BLOCK}.LARS_params"
_EFFECTIVE = f"{_BLOCK}.effective_batch_size"
_NAMES = {"Adam": "adam", "AdamW": "adamw", "SGD": "sgd"}
_FIXED: dict[str, dict[str, Any]] = {
    "adam": {"betas": [0.9, 0.999], "eps": 1e-8, "amsgrad": False},
    "adamw": {"betas": [0.9, 0.999], "eps": 1e-8, "amsgrad": False},
    "sgd": {"dampening": 0, "nesterov": False},
}
"""Arguments that have one value here; the others of an optimizer of PyTorch do not apply to it."""

_BASE_BATCH = 256


def translate_optimizer(out: Translation) -> None:
    """Translate optimizer, learning rate and LARS; the batch size must be known."""
    params, type_key = out.params, f"{_OPTIMIZER}.type"
    name = _NAMES.get(params[type_key])
    if name is None:
        out.refuse(type_key, f"the optimizers are {', '.join(_NAMES)}")
        return
    out.set({"optimizer.name": name}, type_key)
    _translate_rate(out)
    # PyTorch's AdamW alone decays when it is not told to.
    decay = params.get(f"{_OPTIMIZER}.params.weight_decay", 1e-2 if name == "adamw" else 0.0)
    out.set({"optimizer.weight_decay": decay}, f"{_OPTIMIZER}.params.weight_decay")
    if name == "sgd":
        momentum = params.get(f"{_OPTIMIZER}.params.momentum", 0.0)
        out.set({"optimizer.momentum": momentum}, f"{_OPTIMIZER}.params.momentum")
    out.require({f"{_OPTIMIZER}.params.{k}": value for k, value in _FIXED[name].items()})
    own = {*_FIXED[name], "lr", "weight_decay", *(["momentum"] if name == "sgd" else [])}
    for key in params.below(f"{_OPTIMIZER}.params"):
        if key.rpartition(".")[2] not in own:
            out.refuse(key, f"{params[type_key]} has no such argument")
    _translate_lars(out)


def _translate_rate(out: Translation) -> None:
    lr, scaled = out.params[f"{_OPTIMIZER}.params.lr"], f"{_OPTIMIZER}.autoscale_lr"
    keys = [f"{_OPTIMIZER}.params.lr"]
    # The original writes the scaled rate back together with the effective batch size.
    if out.params[scaled] and _EFFECTIVE not in out.params:
        lr = lr * out.config["batch_size"] / _BASE_BATCH
        keys.append(scaled)
    out.explain([scaled], "the rate is given as it is")
    if lr <= 0:
        out.refuse(keys[0], "must be above 0")
    out.set({"optimizer.lr": lr}, *keys)


def _translate_lars(out: Translation) -> None:
    keys = out.params.below(_LARS)
    use, batch = out.params[f"{_LARS}.use"], out.config["batch_size"]
    missing = [n for n in ("batch_act_thresh", "trust_coef") if f"{_LARS}.{n}" not in out.params]
    if use and missing:
        out.refuse(f"{_LARS}.use", f"{' and '.join(missing)} must be there with it")
        return
    if not use or batch < out.params[f"{_LARS}.batch_act_thresh"]:
        why = "switched off" if not use else f"off for a batch of {batch}"
        out.set({"optimizer.lars_trust": 0.0}, f"{_LARS}.use")
        out.explain(keys, why)
        return
    out.set({"optimizer.lars_trust": out.params[f"{_LARS}.trust_coef"]}, f"{_LARS}.trust_coef")
    out.explain([f"{_LARS}.use", f"{_LARS}.batch_act_thresh"], f"on for a batch of {batch}")
    out.require({f"{_LARS}.eps": 1e-8})
