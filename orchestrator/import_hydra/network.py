"""From the blocks on the network and its input to the config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.import_hydra.run import Run
from orchestrator.import_params.translation import Translation
from trainables.models.segmenter_cards import get_segmenter_card

_SIZE = "img_size"
_FREEZE = "model.net.freeze_encoder"
_FROZEN_DECODER = "model.net.freeze_decoder"
_CLASSES = "model.net.classes"
_POOLED_CLASSES = 17


def translate_network(run: Run, out: Translation) -> None:
    """Translate what is trained of the network, its input and the threshold of its output."""
    card = get_segmenter_card(run.original.card)
    if card.frozen_encoders or not card.reads_text:
        why = "the encoders never train" if card.reads_text else "everything trains"
        out.explain([_FREEZE], why)
    elif run.mode == "train":
        out.set({"options.freeze_encoder": out.params.get(_FREEZE, False)}, _FREEZE)
    if out.params.get(_FROZEN_DECODER, False):
        out.refuse(_FROZEN_DECODER, "nothing is left to train: use false")
    out.explain([_FROZEN_DECODER], "the decoder trains")
    size = _side(out.params.get(_SIZE, card.image_size_px), out)
    # None is the card's: the config's identity stays that of the study.
    out.set({"image_size_px": None if size == card.image_size_px else size}, _SIZE)
    _check_statistics("img_mean", card.mean, out)
    _check_statistics("img_std", card.std, out)
    _check_text(run, out)
    threshold = out.params.get("model.threshold", card.threshold)
    same = threshold == card.threshold
    out.set({"threshold": None if same else float(threshold)}, "model.threshold")
    _check_classes(run, out)


def _side(value: Any, out: Translation) -> int:
    sides = value if isinstance(value, list) else [value]
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    if not whole or len(set(sides)) != 1 or len(sides) > 2 or sides[0] < 1:
        out.refuse(_SIZE, "must be one side or two equal ones: inputs are square")
        return 1
    return int(sides[0])


def _check_statistics(key: str, own: Sequence[float], out: Translation) -> None:
    if key in out.params and list(out.params[key]) != list(own):
        out.refuse(key, f"the network's card has {list(own)}")
    out.explain([key], "as the network's card has it")


def _check_text(run: Run, out: Translation) -> None:
    fixed = {
        "tokenizer_type": run.original.tokenizer,
        "context_length": run.original.context_length,
    }
    for key, own in fixed.items():
        if key in out.params and out.params[key] != own:
            wanted = "it reads no text: leave it out" if own is None else f"{own} belongs to it"
            out.refuse(key, f"{run.network} has its own: {wanted}")
        out.explain([key], "as the network's card has it")


def _check_classes(run: Run, out: Translation) -> None:
    """Several masks at once are for the pool of all sets, one per structure."""
    if out.params.get("model.multi_class", False):
        out.refuse(
            "model.multi_class", "the original stops with an error there; ours is cnn_multiclass"
        )
    out.explain(["model.multi_class"], "one mask per structure")
    if run.original.reads_text:
        out.explain([_CLASSES], "of networks without text only")
        return
    wanted = _POOLED_CLASSES if run.data == "pooled_all" else 1
    if out.params.get(_CLASSES, 1) != wanted:
        out.problems.append(f"{_CLASSES}: must be {wanted} for {run.data}")
    out.explain([_CLASSES], f"{run.data} has {wanted}")
