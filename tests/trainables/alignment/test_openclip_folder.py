"""Fine-tuned towers as files, read back by us and by OpenCLIP itself."""

from __future__ import annotations

from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from trainables.align import Config
from trainables.alignment.openclip_folder import load_aligned, save_aligned
from trainables.alignment.pair_model import PairModel, create_pair_model
from trainables.config import BackboneRef, DataRef
from trainables.context import Locations
from trainables.data.transforms import EvalTransform
from trainables.errors import WeightsError

CONFIG = Config(
    backbone=BackboneRef(card="openclip_vit_b16_twin"), data=DataRef(name="isic_findings")
)
TRANSFORM = EvalTransform(
    size_px=32,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.5, 0.5),
    interpolation="bicubic",
    resize="center_crop",
)
TEXTS = ["blue veil", "An irregular border, with pigment."]


@pytest.fixture
def model(locations: Locations) -> PairModel:
    created = create_pair_model(CONFIG.backbone, locations, seed=5, image_size_px=32)
    return created.eval()


@pytest.fixture
def folder(tmp_path: Path, model: PairModel) -> Path:
    saved = tmp_path / "aligned"
    saved.mkdir()
    save_aligned(saved, model, TRANSFORM, CONFIG, {"chosen/contrastive_loss": float("nan")})
    return saved


X_NCHW = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_loaded_towers_are_those_saved(folder: Path, model: PairModel) -> None:
    loaded = load_aligned(folder)
    ids_nt = model.texts.token_ids(TEXTS)
    with torch.no_grad():
        torch.testing.assert_close(loaded.images(X_NCHW), model.images(X_NCHW))
        torch.testing.assert_close(loaded.texts(ids_nt), model.texts(ids_nt))
    saved = {**model.images.trunk.state_dict(), **model.texts.tower.state_dict()}
    found = {**loaded.images.trunk.state_dict(), **loaded.texts.tower.state_dict()}
    assert all(torch.equal(found[name], tensor) for name, tensor in saved.items())
    assert loaded.texts.temperature == model.texts.temperature
    assert loaded.transform == TRANSFORM
    assert not any(
        p.requires_grad for p in (*loaded.images.parameters(), *loaded.texts.parameters())
    )


def test_the_card_of_loaded_towers_states_what_they_were_trained_with(folder: Path) -> None:
    card = load_aligned(folder).images.card
    assert (card.mean, card.std, card.image_size_px) == (TRANSFORM.mean, TRANSFORM.std, 32)


def test_open_clip_opens_the_folder_with_its_own_mean_and_sd(
    folder: Path, model: PairModel
) -> None:
    theirs, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    theirs.eval()
    ids_nt = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    with torch.no_grad():
        ours = model(X_NCHW, model.texts.token_ids(TEXTS))
        texts_nd = theirs.encode_text(ids_nt, normalize=True)
        images_nd = theirs.encode_image(X_NCHW, normalize=True)
    torch.testing.assert_close(images_nd, ours.images_nd)
    torch.testing.assert_close(texts_nd, ours.texts_nd)
    normalise = preprocess.transforms[-1]
    assert (tuple(normalise.mean), tuple(normalise.std)) == (TRANSFORM.mean, TRANSFORM.std)


def test_open_clip_sees_a_picture_as_our_transform_does(folder: Path) -> None:
    from torchvision.transforms.functional import to_pil_image

    _, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    generator = torch.Generator().manual_seed(2)
    small_chw = torch.randint(0, 256, (3, 12, 9), generator=generator, dtype=torch.uint8)
    picture = functional.interpolate(small_chw[None].float(), (48, 36))[0].to(torch.uint8)
    theirs = preprocess(to_pil_image(picture))
    # Pillow rounds to whole grey levels after resizing along each axis.
    torch.testing.assert_close(TRANSFORM.build()(picture), theirs, atol=0.04, rtol=0)


@pytest.mark.parametrize("name", ["alignment.json", "open_clip_model.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=f"{name} is missing"):
        load_aligned(folder)


@pytest.mark.parametrize("name", ["visual.proj", "text_projection"])
def test_weights_of_another_model_are_refused(folder: Path, name: str) -> None:
    path = folder / "open_clip_model.safetensors"
    state = load_file(path)
    save_file({**state, name: state[name][:, :5].contiguous()}, path)
    with pytest.raises(WeightsError, match=rf"does not fit .*: {name} .* of another shape"):
        load_aligned(folder)


def test_a_description_of_something_else_is_refused(folder: Path) -> None:
    (folder / "alignment.json").write_text('{"card": "nothing"}')
    with pytest.raises(WeightsError, match="does not describe aligned towers"):
        load_aligned(folder)
