"""Cards that live in a user's module: found by dotted name, identified by what they say."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import save_file

from trainables.config import BackboneRef, DataRef
from trainables.context import Locations
from trainables.data.card import DataCard
from trainables.data.cards import DATA_CARDS, data_status, get_data_card
from trainables.data.doctor import doctor
from trainables.data.manifest import Row
from trainables.data.open import load_split
from trainables.data.prepare import prepare
from trainables.data.prepared import PreparedSource
from trainables.errors import SelectionError
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.cards import BACKBONE_CARDS, get_backbone_card
from trainables.models.factory import create_backbone
from trainables.models.weights import weights_status
from trainables.registry import load_trainable

SPLITS = ("train", "train", "val", "test")

MOLES = DataCard(
    name="my_cards.moles",
    title="Moles",
    task="multiclass",
    classes=("benign", "malignant"),
    domains=("clinic",),
    kind="real",
    licence="ours",
    module="my_cards",
)
TINY = BackboneCard(
    name="my_cards.tiny",
    title="Tiny",
    family="tiny",
    library="timm",
    architecture="test_resnet",
    dim=96,
    image_size_px=32,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    interpolation="bilinear",
    params_m=0.5,
    stride_px=32,
    stages=("layer1", "layer2", "layer3", "layer4"),
    stem="conv1.0",
    module="trainables.models.timm_backbone",
    ignored_keys=("fc.weight", "fc.bias"),
    sources=(
        WeightsSource(
            tag="ours",
            kind="file",
            origin="",
            filename="tiny.safetensors",
            sha256=None,
            licence="ours",
            trained_on="nothing",
            where="ourselves",
        ),
    ),
    default_weights="ours",
)


def _scan(_: Path) -> list[Row]:
    return [
        Row(path=f"{n}.png", split=split, domain="clinic", label=n % 2)  # type: ignore[arg-type]
        for n, split in enumerate(SPLITS)
    ]


@pytest.fixture
def my_cards(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module as a user would write it, importable under its name."""
    module: Any = ModuleType("my_cards")
    module.DATA_CARDS, module.BACKBONE_CARDS = (MOLES,), (TINY,)
    module.SOURCE = PreparedSource(scan=_scan)
    monkeypatch.setitem(sys.modules, "my_cards", module)
    return module


@pytest.fixture
def moles(my_cards: Any, locations: Locations, tmp_path: Path) -> Any:
    """The module, its data prepared."""
    source = tmp_path / "pictures"
    source.mkdir()
    for n in range(len(SPLITS)):
        Image.new("RGB", (8, 8), (40 * n, 90, 10)).save(source / f"{n}.png")
    prepare("my_cards.moles", source, locations)
    return my_cards


@pytest.mark.usefixtures("my_cards")
def test_a_dotted_name_finds_the_card_of_the_module() -> None:
    assert get_data_card("my_cards.moles") is MOLES
    assert get_backbone_card("my_cards.tiny") is TINY
    assert BACKBONE_CARDS.get("my_cards.tiny") is TINY


@pytest.mark.usefixtures("my_cards")
def test_listings_stay_those_of_the_package() -> None:
    get_data_card("my_cards.moles")
    assert not [name for name in (*DATA_CARDS, *BACKBONE_CARDS) if "." in name]


@pytest.mark.usefixtures("my_cards")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_cards.mole", "my_cards.moles"),
        ("my_cardz.moles", "PYTHONPATH"),
        ("my cards.moles", "PYTHONPATH"),
        ("..moles", "PYTHONPATH"),
        ("json.moles", "no cards in DATA_CARDS"),
    ],
)
def test_a_wrong_dotted_name_is_one_message(name: str, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        get_data_card(name)


def test_a_module_that_lacks_an_import_keeps_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torn_cards.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        get_data_card("torn_cards.moles")


def test_a_trainable_of_a_missing_module_is_one_message() -> None:
    with pytest.raises(SelectionError, match="PYTHONPATH"):
        load_trainable("not_there.train")


@pytest.mark.usefixtures("moles")
def test_a_users_set_is_prepared_examined_and_opened(locations: Locations) -> None:
    done: list[tuple[int, int]] = []
    problems = doctor("my_cards.moles", locations, True, lambda *counts: done.append(counts))
    assert [problem for problem in problems if problem.severity == "error"] == []
    assert done == [(n + 1, len(SPLITS)) for n in range(len(SPLITS))]
    train = load_split(DataRef(name="my_cards.moles"), "train", locations)
    assert train.labels.tolist() in ([0, 1], [1, 0])
    assert train.digest == data_status("my_cards.moles", locations).digest


def test_editing_what_a_data_card_says_about_reading_is_another_set(
    moles: Any, locations: Locations
) -> None:
    before = data_status("my_cards.moles", locations).digest
    moles.DATA_CARDS = (dataclasses.replace(MOLES, title="Naevi", licence="CC0"),)
    assert data_status("my_cards.moles", locations).digest == before
    moles.DATA_CARDS = (dataclasses.replace(MOLES, channels=1),)
    grey = load_split(DataRef(name="my_cards.moles"), "train", locations)
    assert grey.digest == data_status("my_cards.moles", locations).digest != before


@pytest.mark.usefixtures("my_cards")
def test_a_users_backbone_reads_its_local_file(locations: Locations) -> None:
    import timm
    import torch

    ref = BackboneRef(card="my_cards.tiny", weights="ours")
    absent = weights_status(ref, locations)
    assert not absent.present
    assert "tiny.safetensors" in absent.reason
    network = timm.create_model("test_resnet", pretrained=False)
    folder = locations.weights / "my_cards.tiny"
    folder.mkdir(parents=True)
    save_file(network.state_dict(), folder / "tiny.safetensors")
    backbone = create_backbone(ref, locations, seed=0).eval()
    x_nchw = torch.rand(2, 3, 32, 32)
    trunk = network.eval()
    expected_nd = trunk.forward_head(trunk.forward_features(x_nchw), pre_logits=True)
    torch.testing.assert_close(backbone.features(x_nchw).pooled_nd, expected_nd)


def test_editing_how_a_backbone_is_read_gives_other_weights(
    my_cards: Any, locations: Locations
) -> None:
    ref = BackboneRef(card="my_cards.tiny")
    before = weights_status(ref, locations).digest
    my_cards.BACKBONE_CARDS = (dataclasses.replace(TINY, title="Small", params_m=1.0),)
    assert weights_status(ref, locations).digest == before
    my_cards.BACKBONE_CARDS = (dataclasses.replace(TINY, mean=(0.4, 0.4, 0.4)),)
    assert weights_status(ref, locations).digest != before


def test_cards_of_the_package_keep_the_identity_of_their_file(locations: Locations) -> None:
    """The sha256 of a published file is the identity of what the package's cards read from it."""
    from trainables.data.atomic_file import sha256_of

    folder = locations.weights / "deit_t"
    folder.mkdir(parents=True)
    file = folder / get_backbone_card("deit_t").source("imagenet1k").basename
    file.write_bytes(b"some weights")
    ref = BackboneRef(card="deit_t", weights="imagenet1k")
    assert weights_status(ref, locations).digest == sha256_of(file)
