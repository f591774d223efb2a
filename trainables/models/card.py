"""What a card says about a backbone and about each set of weights it can start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from trainables.data.transforms import Grey, Interpolation
from trainables.errors import ConfigError, WeightsError, did_you_mean

SETTINGS = "open_clip_config.json"
"""Beside weights of OpenCLIP on the hub: mean and sd of the pictures they were trained on."""

RANDOM = "random"
TWIN = "twin"

NOTHING_KEPT = -2
"""The transfer level at which only statistics of the weights are transferred."""

EMBEDDINGS_DRAWN = -3
"""As :data:`NOTHING_KEPT`, also of tokens, position embeddings and tables of positions."""

_DESCRIBES = {"title", "family", "params_m", "sources", "default_weights", "untrained", "twin"}
"""Fields of a backbone's card that no number depends on."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsSource:
    """Published weights: which file, and where it comes from.

    Args:
        tag: the name a study uses for these weights.
        kind: inside an installed package, on a model hub, or a file only the user can bring.
        origin: import name of the package, or repository id on the hub; empty for a file.
        filename: path inside the package or repository.
        sha256: of the file; None where the publisher gives none we could check.
        where: for people: where the file comes from.
        layout: tensors carry the model's own names, or other names in the model's order.
        authors_file: the authors' own file of the same weights, taken from the weights folder where
            there is no ``filename``; has no sha256 of its own.
        part: entry of a PyTorch file that holds the tensors; empty: they are not in an entry.
        prefix: what the names of the backbone's tensors start with in the file; others are left
            out. Empty: the file is the backbone's.
        folder: of the user's weights folder, the part that holds the file, where several cards
            share one; empty: each card has its own.
    """

    tag: str
    kind: Literal["package", "hub", "file"]
    origin: str
    filename: str
    sha256: str | None
    licence: str
    trained_on: str
    where: str
    layout: Literal["named", "ordered"] = "named"
    authors_file: str | None = None
    part: str = ""
    prefix: str = ""
    folder: str = ""

    @property
    def basename(self) -> str:
        """The name of the file in the user's weights folder."""
        return self.filename.rsplit("/", 1)[-1]

    @property
    def accepted_files(self) -> tuple[str, ...]:
        """Every name the file may have in the user's weights folder, the first one found wins."""
        return (self.basename, *([self.authors_file] if self.authors_file else ()))


@dataclass(frozen=True, kw_only=True, slots=True)
class BackboneCard:
    """One image backbone.

    Args:
        library: who builds the network; 'xenograft' when we do.
        architecture: the name the library knows it by.
        dim: width of the pooled feature.
        image_size_px: side of the square input unless a study says otherwise.
        mean, std: normalisation of an RGB picture in [0, 1].
        params_m: parameters in millions at ``image_size_px``, without a classifier.
        stride_px: input pixels per token or per cell of the last feature map.
        stages: submodules whose (nested) children are the blocks, in network order.
        stem: dotted name of the first convolution.
        position_resize: how position embeddings are resampled to another input size; None: there
            are none.
        ignored_keys: what a published file has and the backbone has not: exact names, or prefixes
            that end in a dot.
        min_size_px: side of the smallest input; ``stride_px`` when None.
        channels_last: maps inside the trunk are (n, h, w, d), not (n, d, h, w).
        transfer_groups: submodules of the trunk in transfer order, group -1 (the stem) first; a
            transfer level n keeps the weights of the groups up to n. Empty: not defined.
        output_blocks: blocks (or stages) that features can be taken after; 0: only after the last.
        overrides: constructor arguments that differ from the library's own.
        grey: whether its pictures are made grey, before they are resized or after it.
        averages: a picture's channels are averaged before the stem, which reads one.
        untrained: there are no weights of it but random ones, as nobody trained it or it has none.
        sources: published weights; empty for a twin and for what is untrained.
        default_weights: the tag used when nobody chooses.
        twin: card of the small stand-in; None for a twin, and for what is small itself.
        companions: files that must lie beside the weights, see
            :mod:`trainables.models.published_norm`.
        module: the loader, see docs/models.md.
    """

    name: str
    title: str
    family: str
    library: Literal["timm", "open_clip", "transformers", "xenograft"]
    architecture: str
    dim: int
    image_size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation
    params_m: float
    stride_px: int
    stages: tuple[str, ...]
    stem: str
    module: str
    default_weights: str
    position_resize: Literal["antialiased", "dinov2"] | None = None
    ignored_keys: tuple[str, ...] = ()
    min_size_px: int | None = None
    channels_last: bool = False
    transfer_groups: tuple[tuple[str, ...], ...] = ()
    output_blocks: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)
    grey: Grey = "no"
    averages: bool = False
    untrained: bool = False
    sources: tuple[WeightsSource, ...] = ()
    twin: str | None = None
    companions: tuple[str, ...] = ()

    def reading(self, tag: str) -> dict[str, Any]:
        """Return what the card says about how weights become features, without words for people."""
        sources = [source for source in self.sources if source.tag == tag]
        read = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _DESCRIBES}
        return {**read, "file": [[s.layout, s.part, s.prefix] for s in sources]}

    @property
    def is_twin(self) -> bool:
        """Whether this is a small stand-in without published weights."""
        return not self.sources and not self.untrained

    @property
    def tags(self) -> tuple[str, ...]:
        """Every value ``BackboneRef.weights`` may have for this card."""
        if self.is_twin:
            return (TWIN, RANDOM)
        return (*(source.tag for source in self.sources), RANDOM)

    @property
    def smallest_px(self) -> int:
        """The side of the smallest input."""
        return self.stride_px if self.min_size_px is None else self.min_size_px

    def grid(self, size_px: int) -> int:
        """Return the tokens along one side of an input of this size."""
        return (size_px - self.smallest_px) // self.stride_px + 1

    @property
    def last_level(self) -> int:
        """The transfer level that keeps all weights."""
        return len(self.transfer_groups) - 2

    def check_transfer_level(self, level: int) -> None:
        """Make sure that the card defines a transfer level.

        Raises:
            ConfigError: it does not; the message gives the levels it has.
        """
        if not self.transfer_groups:
            raise ConfigError(f"transfer_level={level}: '{self.name}' has no transfer levels")
        if not EMBEDDINGS_DRAWN <= level <= self.last_level:
            raise ConfigError(
                f"transfer_level={level}: {self.name} has levels "
                f"{EMBEDDINGS_DRAWN} to {self.last_level}"
            )

    def twin_level(self, level: int, twin: BackboneCard) -> int:
        """Return the transfer level of a twin that is as deep, in proportion, as one of this card.

        Raises:
            ConfigError: this card has no such level.
        """
        self.check_transfer_level(level)
        if level <= 0:
            return level
        return round(level / self.last_level * twin.last_level)

    def check_output_block(self, block: int) -> None:
        """Make sure that features can be taken after a block.

        Raises:
            ConfigError: they cannot; the message gives the blocks the card has.
        """
        if not self.output_blocks:
            raise ConfigError(
                f"output_block={block}: '{self.name}' gives features at its end only, leave it out"
            )
        if not 0 <= block < self.output_blocks:
            raise ConfigError(
                f"output_block={block}: '{self.name}' has blocks 0 to {self.output_blocks - 1}"
            )

    def twin_output_block(self, block: int, twin: BackboneCard) -> int:
        """Return the block of a twin that is as deep, in proportion, as one of this card.

        Raises:
            ConfigError: features cannot be taken after that block of this card.
        """
        self.check_output_block(block)
        return round(block / (self.output_blocks - 1) * (twin.output_blocks - 1))

    def source(self, tag: str) -> WeightsSource:
        """Return the published weights of a tag.

        Raises:
            WeightsError: the card has none of that tag.
        """
        return find_source(self.name, self.sources, tag, self.tags)


def find_source(
    card: str, sources: tuple[WeightsSource, ...], tag: str, tags: tuple[str, ...]
) -> WeightsSource:
    """Return the source of a tag.

    Raises:
        WeightsError: there is none; the message lists the tags the card has.
    """
    for source in sources:
        if source.tag == tag:
            return source
    raise WeightsError(f"backbone '{card}' has no weights '{tag}'.{did_you_mean(tag, tags)}")
