"""Which files of published weights a reference needs, and that a folder of them is enough."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.errors import WeightsError
from trainables.models.weights import weights_status
from trainables.models.weights_files import weights_files

DECODING = BackboneRef(card="biomed_clipseg_d", weights="pmc15m_rd64_refined")


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_a_network_needs_the_files_of_all_its_parts(locations: Locations, tmp_path: Path) -> None:
    named = (
        "biomed_clip/open_clip_pytorch_model.bin",
        "biomed_clip_text/open_clip_pytorch_model.bin",
        "biomed_clip_text/vocab.txt",
        "clipseg/model.safetensors",
    )
    put(locations.weights, *named, "clipseg/exported.safetensors")
    files = weights_files(DECODING, locations)
    assert {name: path.read_text() for name, path in files.items()} == {n: n for n in named}

    alone = tmp_path / "alone"
    for name, path in files.items():
        (alone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, alone / name)
    elsewhere = Locations(data=locations.data, weights=alone, store=tmp_path / "elsewhere")
    before, after = weights_status(DECODING, locations), weights_status(DECODING, elsewhere)
    assert after.present
    assert after.digest == before.digest


def test_absent_files_are_named(locations: Locations) -> None:
    with pytest.raises(WeightsError, match="are not here"):
        weights_files(DECODING, locations)


@pytest.mark.parametrize(
    "ref",
    [
        BackboneRef(card="resnet50", weights="random"),
        BackboneRef(card="resnet50_twin", weights="twin"),
        BackboneRef(card="biomed_clipseg_d_twin", weights="twin"),
        BackboneRef(card="unet", weights="random"),
    ],
    ids=lambda ref: f"{ref.card} {ref.weights}",
)
def test_what_is_made_on_the_spot_needs_no_file(ref: BackboneRef, locations: Locations) -> None:
    assert weights_files(ref, locations) == {}
