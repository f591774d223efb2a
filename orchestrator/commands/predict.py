"""The verb ``predict``: what a trained model says about pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.commands.options import Json, with_settings
from orchestrator.console import ERR, OUT, print_json, print_rows, print_warning, progress_bar
from orchestrator.settings import Resolved

if TYPE_CHECKING:
    from torch import Tensor

    from trainables.predictors.predictor import Prediction, Predictor

_MOST_ROWS = 5
"""Classes shown of a picture; ``--json`` has all of them."""

_OVERLAYS = Path("overlays")


@with_settings()
def predict(
    resolved: Resolved,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A registered name (its champion), models:/NAME@ALIAS, models:/NAME/VERSION, or "
            "a folder.",
        ),
    ],
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Picture files.")],
    texts: Annotated[
        list[str] | None,
        typer.Option(
            "--text",
            "--prompt",
            help="For models that read texts: what to compare with or outline. Repeatable.",
        ),
    ] = None,
    overlays: Annotated[
        Path, typer.Option(help="Folder for the outlines that a segmenter draws.")
    ] = _OVERLAYS,
    as_json: Json = False,
) -> None:
    """Print what a trained model says about pictures. Research only, not for clinical use.

    Example: xenograft predict demo.transfer.imagenet.linear_probe.same_camera eye.png
    """
    from orchestrator.models.finding import find_model
    from trainables.predictors.package import picture_channels

    with find_model(model, resolved.settings.tracking_uri) as folder:
        with ERR.status("loading the model"):
            predictor = _load(folder, resolved)
            channels = picture_channels(folder)
        with progress_bar("looking at the pictures") as progress:
            seen = _read(pictures, channels)
            found = []
            for picture_chw in seen:
                found.append(predictor.predict(picture_chw, texts or ()))
                progress(len(found), len(seen))
    drawn = [
        _draw(number, path, picture_chw, prediction, overlays)
        for number, (path, picture_chw, prediction) in enumerate(
            zip(pictures, seen, found, strict=True), start=1
        )
    ]
    _print(predictor, pictures, found, drawn, as_json)


def _load(folder: Path, resolved: Resolved) -> Predictor:
    from trainables.predictors.predictor import load_predictor

    return load_predictor(folder, resolved.settings.locations)


def _read(pictures: Sequence[Path], channels: int) -> list[Tensor]:
    """Decode all pictures before the first is judged: a wrong one ends it before there is work."""
    from trainables.data.pixels import read_image

    return [read_image(path, channels) for path in pictures]


def _draw(
    number: int, path: Path, picture_chw: Tensor, prediction: Prediction, folder: Path
) -> dict[str, str]:
    """Write an outlined picture for each mask, and return their names."""
    if not prediction.masks_hw:
        return {}
    from orchestrator.report.file_name import file_name
    from trainables.data.atomic_file import replace_file
    from trainables.segmentation.overlay import outlined_png

    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, mask_hw in prediction.masks_hw.items():
        content = outlined_png(picture_chw.permute(1, 2, 0).contiguous().numpy(), mask_hw.numpy())
        target = folder / f"{number}-{file_name(path.stem)}-{file_name(name)}.png"
        replace_file(target, partial(_write, content))
        written[name] = str(target)
    return written


def _write(content: bytes, file: Path) -> None:
    file.write_bytes(content)


def _print(
    predictor: Predictor,
    pictures: Sequence[Path],
    found: Sequence[Prediction],
    drawn: Sequence[dict[str, str]],
    as_json: bool,
) -> None:
    from trainables.predictors.predictor import NOTICE

    if as_json:
        print_json(_json(predictor, pictures, found, drawn, NOTICE))
        return
    rows = []
    for path, prediction in zip(pictures, found, strict=True):
        ranked = sorted(prediction.scores.items(), key=lambda item: -item[1])
        shown = ranked if predictor.reads_texts else ranked[:_MOST_ROWS]
        for k, (name, value) in enumerate(shown):
            rows.append(["" if k else str(path), name, f"{value:.4f}"])
    print_rows(["picture", "text" if predictor.reads_texts else "class", predictor.quantity], rows)
    for name in [name for written in drawn for name in written.values()]:
        OUT.print(f"wrote {name}", markup=False, soft_wrap=True)
    print_warning(NOTICE)


def _json(
    predictor: Predictor,
    pictures: Sequence[Path],
    found: Sequence[Prediction],
    drawn: Sequence[dict[str, str]],
    notice: str,
) -> dict[str, Any]:
    return {
        "notice": notice,
        "quantity": predictor.quantity,
        "predictions": [
            {"picture": str(path), "scores": dict(prediction.scores)}
            | ({"overlays": written} if written else {})
            for path, prediction, written in zip(pictures, found, drawn, strict=True)
        ],
    }
