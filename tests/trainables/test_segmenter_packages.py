"""Trained segmenters packed, moved to a machine with nothing else, and asked again."""

from __future__ import annotations

import dataclasses
import importlib
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from trainables import segment
from trainables.config import BackboneRef, DataRef
from trainables.context import Locations
from trainables.models.segmenter_cards import get_segmenter_card
from trainables.models.segmenter_options import SegmenterOptions
from trainables.models.segmenters.blueprint import Blueprint
from trainables.models.segmenters.segmenter import Segmenter
from trainables.predictors.package import package_files
from trainables.predictors.predictor import load_predictor
from trainables.segmentation.config import PromptConfig
from trainables.segmentation.model_files import Description, save_segmenter
from trainables.segmentation.network import NetworkInput, create_network
from trainables.segmentation.resize import prepare_picture

TEXT = "a polyp"
PICTURE_CHW = torch.randint(
    0, 256, (3, 60, 80), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
)


def trained(
    ref: BackboneRef, folder: Path, locations: Locations, *, freeze: bool = False
) -> Tensor:
    """Leave a network as a trial does that moved all that learns; return its mask of the picture.

    Its threshold is the median, so that the mask is neither empty nor full.
    """
    config = segment.Config(
        segmenter=ref,
        data=DataRef(name="kvasir_polyp"),
        options=SegmenterOptions(freeze_encoder=freeze),
    )
    spec = config.spec(seed=5)
    network = create_network(spec, locations)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.01 * torch.randn(parameter.shape, generator=generator))
    asks = network.segmenter.card.reads_text
    given = NetworkInput(
        pixels_nchw=prepare_picture(PICTURE_CHW, spec.transform)[None],
        tokens=network.segmenter.tokenize([TEXT]) if asks else None,
    )
    with torch.inference_mode():
        share_hw = network.eval()(given)[0, 0].sigmoid()
    spec = dataclasses.replace(spec, threshold=float(share_hw.median()))
    folder.mkdir()
    description = Description(spec=spec, prompt=PromptConfig(), chosen=0.5)
    save_segmenter(folder, network, description, config, {})
    mask_hw = (share_hw > spec.threshold)[None, None].float()
    size = PICTURE_CHW.shape[1:]
    return functional.interpolate(mask_hw, size, mode="nearest-exact")[0, 0].bool()


def packed(trial: Path, locations: Locations, folder: Path) -> set[str]:
    """Copy what would be registered, and return the published weights in it."""
    files = package_files(trial, locations)
    for name, file in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / name)
    return {name for name in files if name.startswith("weights/")}


def outlined(package: Path, scratch: Path) -> Tensor:
    """Return the mask of the picture where there is nothing but a package."""
    alone = Locations(data=scratch / "none", weights=scratch / "none", store=scratch / "store")
    predictor = load_predictor(package, alone)
    texts = [TEXT] if predictor.reads_texts else []
    (mask_hw,) = predictor.predict(PICTURE_CHW, texts).masks_hw.values()
    return mask_hw


@pytest.mark.parametrize(
    "ref",
    [
        BackboneRef(card="unet_twin", weights="random"),
        BackboneRef(card="cris_twin", weights="twin"),
    ],
    ids=lambda ref: ref.card,
)
def test_a_network_that_trained_whole_needs_no_other_weights(
    ref: BackboneRef, tmp_path: Path, shared_locations: Locations
) -> None:
    expected_hw = trained(ref, tmp_path / "trial", shared_locations)
    assert packed(tmp_path / "trial", shared_locations, tmp_path / "package") == set()
    assert torch.equal(outlined(tmp_path / "package", tmp_path), expected_hw)
    assert 0.3 < expected_hw.float().mean() < 0.7
    assert not (tmp_path / "store").exists(), "no twin was taught again"


def published(card_name: str, tag: str, locations: Locations) -> BackboneRef:
    """Draw the weights of a real network, and leave them as who published it does."""
    card = get_segmenter_card(card_name)
    source = card.source(tag)
    assert source is not None
    blueprint = Blueprint(
        card=card,
        options=SegmenterOptions(),
        classes=1,
        parts=(),
        locations=locations,
        seed=5,
    )
    drawn: Segmenter = importlib.import_module(card.module).build(blueprint)
    whole = getattr(drawn, "clipseg", drawn)
    state = {name: tensor.clone().contiguous() for name, tensor in whole.state_dict().items()}
    path = locations.weights / card.name / source.basename
    path.parent.mkdir(parents=True)
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({source.part: {source.prefix + name: t for name, t in state.items()}}, path)
    return BackboneRef(card=card_name, weights=tag)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("card", "tag", "along"),
    [
        ("clipseg", "rd64_refined", {"weights/clipseg/model.safetensors"}),
        ("cris", "refcoco", set()),
    ],
)
def test_real_networks_predict_from_their_package_alone(
    card: str, tag: str, along: set[str], tmp_path: Path, locations: Locations
) -> None:
    ref = published(card, tag, locations)
    expected_hw = trained(ref, tmp_path / "trial", locations)
    assert packed(tmp_path / "trial", locations, tmp_path / "package") == along
    shutil.rmtree(locations.weights)
    shutil.rmtree(tmp_path / "trial")
    assert torch.equal(outlined(tmp_path / "package", tmp_path), expected_hw)
    megabytes = sum(f.stat().st_size for f in (tmp_path / "package").rglob("*.*")) / 1e6
    assert megabytes < 4.1 * get_segmenter_card(card).params_m, (
        "the network once, four bytes a parameter"
    )


@pytest.mark.slow
def test_a_real_network_whose_encoders_stayed_takes_them_along(
    tmp_path: Path, locations: Locations
) -> None:
    ref = published("cris", "refcoco", locations)
    expected_hw = trained(ref, tmp_path / "trial", locations, freeze=True)
    along = packed(tmp_path / "trial", locations, tmp_path / "package")
    assert along == {"weights/cris/cris_best.pth"}
    assert torch.equal(outlined(tmp_path / "package", tmp_path), expected_hw)
