"""What makes a folder of ours a model of MLflow's: ``MLmodel``, a signature, an input example."""

from __future__ import annotations

import base64
import io
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.models.names import EXAMPLE

IMAGE = "image"
"""The column of pictures: the bytes of a file, base64 in JSON."""

TEXTS = "texts"
"""The parameter that holds texts."""

LOADER = "orchestrator.models.serving"
_SERVING_EXAMPLE = "serving_input_example.json"
_SIDE_PX = 64
_EXAMPLE_TEXTS = ("a picture of skin",)
_LIBRARIES = ("torch", "torchvision", "timm", "open_clip_torch", "transformers", "safetensors")


def write_flavour(folder: Path, facts: Mapping[str, Any], *, made: int, identity: str) -> None:
    """Write ``MLmodel``, the input example and the requirements into a folder.

    The example is drawn, not taken from the data: more people read a registry than may see that.

    Args:
        made: when, in ms; so that writing again gives the same files.
        identity: 32 hexadecimal digits.
    """
    from importlib.metadata import version

    from mlflow.models import Model

    model = Model(
        artifact_path="model",
        utc_time_created=datetime.fromtimestamp(made / 1000, UTC).replace(tzinfo=None),
        signature=_signature(facts["inputs"], facts["kind"]),
        model_uuid=identity,
        saved_input_example_info={
            "artifact_path": EXAMPLE,
            "type": "dataframe",
            "pandas_orient": "split",
            "serving_input_path": _SERVING_EXAMPLE,
        },
    )
    model.add_flavor(
        "python_function", loader_module=LOADER, python_version=platform.python_version()
    )
    example = {"columns": [IMAGE], "data": [[_example()]]}
    params = {"params": {TEXTS: list(_EXAMPLE_TEXTS)}} if facts["inputs"]["reads_texts"] else {}
    (folder / EXAMPLE).write_text(json.dumps(example))
    (folder / _SERVING_EXAMPLE).write_text(json.dumps({"dataframe_split": example, **params}))
    pinned = [f"{name}=={version(name)}\n" for name in _LIBRARIES]
    (folder / "requirements.txt").write_text("".join(pinned))
    (folder / "MLmodel").write_text(model.to_yaml())


def _signature(inputs: Mapping[str, Any], kind: str) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    image = Schema([ColSpec("binary", IMAGE)])
    if kind in ("classifier", "generaliser", "bottleneck"):
        outputs = [ColSpec("double", name) for name in inputs["classes"]]
        return ModelSignature(inputs=image, outputs=Schema(outputs))
    outputs = [ColSpec("long", "picture"), ColSpec("string", "name"), ColSpec("double", "value")]
    if kind == "segmenter":
        outputs.append(ColSpec("string", "mask_png"))
    params = None
    if inputs["reads_texts"]:
        # An empty default: no text is right for every picture.
        params = ParamSchema([ParamSpec(TEXTS, "string", [], shape=(-1,))])
    return ModelSignature(inputs=image, outputs=Schema(outputs), params=params)


def _example() -> str:
    """Return a drawn picture, a gradient, as a PNG in base64."""
    from PIL import Image

    file = io.BytesIO()
    Image.linear_gradient("L").resize((_SIDE_PX, _SIDE_PX)).convert("RGB").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
