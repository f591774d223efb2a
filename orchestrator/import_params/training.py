"""From ``training_params``, and what is left, to the training loop of the config."""

from __future__ import annotations

import math
import re

from orchestrator.import_params.translation import Translation

_RUN = re.compile(r".*-run_([1-9][0-9]*)")


def translate_training(out: Translation) -> None:
    """Translate epochs, validation, precision and clipping, and say what nothing comes of."""
    params = out.params
    epochs = "training_params.epochs"
    out.set({"epochs": params[epochs]}, epochs)
    out.name(epochs, "exactly so many epochs")
    _translate_validation(out)
    clipping = "training_params.grad_clipping"
    out.set({"clip_norm": float(params[clipping] or 0)}, clipping)
    mixed = "training_params.use_mixed_precision"
    out.set({"precision": "fp16" if params[mixed] else "fp32"}, mixed)
    for key in ("restore_session", "restore_only_model"):
        _translate_restoring(f"training_params.{key}", out)
    _translate_name(out)
    _explain_the_rest(out)


def _translate_validation(out: Translation) -> None:
    every, best = "training_params.val_every", "training_params.save_best_model"
    value = out.params[every]
    if math.isinf(value) or value > 1:
        out.refuse(every, "it is validated at least once an epoch: use 1 or less")
    elif value <= 0:
        out.refuse(every, "must be above 0")
    out.set({"val_every": float(value)}, every)
    if not out.params[best]:
        out.refuse(best, "what is tested is the state that validation chose: use true")
    out.set({"selection": "paper"}, best)


def _translate_restoring(key: str, out: Translation) -> None:
    if out.params.get(key, False) and key.endswith("session"):
        out.refuse(
            key,
            "checkpoints of the original cannot be gone on from: use false. "
            "`xenograft resume` goes on with runs of Xenograft",
        )
    out.explain([key], "`xenograft resume` goes on with what was interrupted")


def _translate_name(out: Translation) -> None:
    """Read the number of the run from the name: it chooses the draw of the initial weights."""
    key = "training_params.model_name"
    name = out.params[key]
    if name.count("-run_") > 1:
        out.refuse(key, "has more than one -run_")
        return
    numbered = _RUN.fullmatch(name)
    if numbered:
        out.replicates = int(numbered[1])
        out.name(key, f"--replicates {numbered[1]}: runs 1 to {numbered[1]}")
    else:
        out.name(key, "--replicates 1; the run gets its name from study and cell")


def _explain_the_rest(out: Translation) -> None:
    training = {
        "log_every": "every epoch and validation is tracked",
        "log_embeddings": "a plot while training, of no effect on results",
        "knn_eval": "no effect on training; k-NN is an experiment of its own (--only experiment)",
        "use_tensorboard": "runs are tracked with MLflow",
        "save_dir": "runs go to --storage",
    }
    for name, why in training.items():
        out.explain([f"training_params.{name}"], why)
    out.explain(out.params.below("log_params"), "MLflow's experiments are named by study")
    finder = "read only by --find_lr, for which there is experiment lr_finder"
    if out.params.repository == "foundation_medical":
        finder = "read by nothing in the original"
    out.explain(out.params.below("lr_finder"), finder)
