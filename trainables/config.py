"""What every trainable's Config shares: references to data and backbones, identity, overrides.

A Config is a frozen, keyword-only dataclass without any location in it. It carries two class
variables: ``trainable`` (the module in ``trainables/`` that runs it) and ``version`` (raised when
the numbers that module produces can change), both of which enter the identity of a trial.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, ClassVar, Protocol, TypeVar, get_args, get_type_hints

from trainables.errors import ConfigError, check_at_least, did_you_mean


class Config(Protocol):
    """The shape of a trainable's configuration."""

    trainable: ClassVar[str]
    version: ClassVar[int]
    __dataclass_fields__: ClassVar[dict[str, Any]]


ConfigT = TypeVar("ConfigT")

_PLAIN = (str, int, float, bool, type(None))
"""What is its own JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataRef:
    """A data set by card name.

    Args:
        domains: keep only these domains (cameras, hospitals); all when empty.
        limit: keep at most this many pictures of every split, drawn class-balanced with a fixed
            seed; 0 keeps all.
    """

    name: str
    domains: tuple[str, ...] = ()
    limit: int = 0

    def __post_init__(self) -> None:
        check_at_least(0, limit=self.limit)


@dataclass(frozen=True, kw_only=True, slots=True)
class BackboneRef:
    """A backbone by card name, and which of the card's weights it starts from (or 'random').

    Args:
        transfer_level: None takes the weights as they are. An integer n keeps those of the card's
            transfer groups up to n and draws the later ones from their mean and standard deviation;
            -2 keeps none, -3 not even embeddings (see docs/models.md).
        output_block: None takes features from the end of the network. An integer k takes them after
            block k, counted from 0, and drops what comes later but the final norm and projection.
    """

    card: str
    weights: str = "random"
    transfer_level: int | None = None
    output_block: int | None = None


def canonical(value: Any) -> Any:
    """Turn a config into JSON-ready data that is equal exactly when the configs are equal."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        return [canonical(v) for v in value]
    names = _names(value)
    if names is not None:
        return {name: canonical(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(k): canonical(v) for k, v in value.items()}
    raise ConfigError(f"{value!r} of type {type(value).__name__} cannot be part of a config")


def digest(value: Any) -> str:
    """Return the sha256 (hex) of the canonical form."""
    text = json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def seed_from(*parts: Any) -> int:
    """Derive a seed in [0, 2**31) from what identifies the work, never from its order."""
    return int(digest(list(parts))[:8], 16) % 2**31


def flatten(config: Any) -> dict[str, Any]:
    """Return ``{"optimizer.lr": 1e-3, ...}`` in field order; tuples stay values."""
    return dict(_leaves(config, ""))


def _leaves(config: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name in _names(config) or ():
        value = getattr(config, name)
        if _names(value) is None:
            yield prefix + name, value
        else:
            yield from _leaves(value, f"{prefix}{name}.")


def has_value(config: Any, path: str) -> bool:
    """Tell whether :func:`flatten` lists a dotted path, without listing all of them."""
    for name in path.split("."):
        if name not in (_names(config) or ()):
            return False
        config = getattr(config, name)
    return _names(config) is None


def _names(value: object) -> tuple[str, ...] | None:
    """Return the fields of a dataclass in order; None for any other value."""
    return _field_names(type(value))  # type: ignore[arg-type]  # types are hashable


@functools.cache  # plans look at every value of thousands of configs of a few types
def _field_names(kind: type[object]) -> tuple[str, ...] | None:
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(f.name for f in dataclasses.fields(kind))


def replace_path(config: ConfigT, path: str, value: Any) -> ConfigT:
    """Return a copy with the value at a dotted path replaced (types are not coerced).

    Raises:
        ConfigError: there is no such key; the message lists the near ones.
    """
    head, _, rest = path.partition(".")
    names = [f.name for f in dataclasses.fields(config)]  # type: ignore[arg-type]
    if head not in names:
        raise ConfigError(
            f"{type(config).__name__} has no key '{head}'.{did_you_mean(head, names)}"
        )
    if rest:
        current = getattr(config, head)
        if not dataclasses.is_dataclass(current):
            raise ConfigError(f"'{head}' is a single value, so '{path}' does not exist")
        value = replace_path(current, rest, value)
    return dataclasses.replace(config, **{head: value})  # type: ignore[type-var]


def replace_refs(
    config: ConfigT,
    data: Callable[[DataRef], DataRef],
    backbone: Callable[[BackboneRef], BackboneRef],
) -> ConfigT:
    """Return the config with every data and backbone reference, however deep, mapped.

    Parts without a reference are those of the config itself, not copies.
    """
    changes: dict[str, Any] = {}
    for name in _names(config) or ():
        value: Any = getattr(config, name)
        if _names(value) is None:
            continue
        if isinstance(value, DataRef):
            mapped: Any = data(value)
        elif isinstance(value, BackboneRef):
            mapped = backbone(value)
        else:
            mapped = replace_refs(value, data, backbone)
        if mapped is not value:
            changes[name] = mapped
    return dataclasses.replace(config, **changes) if changes else config  # type: ignore[type-var]


def references(config: Any) -> tuple[list[DataRef], list[BackboneRef]]:
    """Return every data and backbone reference in a config, in field order."""
    data: list[DataRef] = []
    backbones: list[BackboneRef] = []
    for name in _names(config) or ():
        value = getattr(config, name)
        if _names(value) is None:
            continue
        if isinstance(value, DataRef):
            data.append(value)
        elif isinstance(value, BackboneRef):
            backbones.append(value)
        else:
            deeper_data, deeper_backbones = references(value)
            data += deeper_data
            backbones += deeper_backbones
    return data, backbones


def from_mapping(config_type: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """Rebuild a config from its canonical form (inverse of :func:`canonical`).

    Raises:
        ConfigError: a key is unknown or missing, or a value has the wrong type.
    """
    hints = get_type_hints(config_type)
    fields = dataclasses.fields(config_type)  # type: ignore[arg-type]
    names = {f.name for f in fields}
    for key in values:
        if key not in names:
            raise ConfigError(
                f"{config_type.__name__} has no key '{key}'.{did_you_mean(key, names)}"
            )
    missing = [f.name for f in fields if f.name not in values and _is_required(f)]
    if missing:
        raise ConfigError(f"{config_type.__name__} needs {', '.join(missing)}")
    from pydantic import TypeAdapter, ValidationError

    parsed: dict[str, Any] = {}
    for key, value in values.items():
        hint = hints[key]
        nested = _nested_type(hint)
        if nested is not None and isinstance(value, Mapping):
            parsed[key] = from_mapping(nested, value)
            continue
        try:
            parsed[key] = TypeAdapter(hint).validate_python(value)
        except ValidationError as error:
            problem = error.errors()[0]["msg"].lower()
            raise ConfigError(f"{config_type.__name__}.{key}: {problem}, got {value!r}") from None
    return config_type(**parsed)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _nested_type(hint: Any) -> type[Any] | None:
    """Return the dataclass that a field holds, also where it may hold None instead."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    found = [kind for kind in kinds if isinstance(kind, type) and dataclasses.is_dataclass(kind)]
    return found[0] if found else None


def override_all(config: ConfigT, texts: Mapping[str, str]) -> ConfigT:
    """Apply ``--set path=text`` overrides together, each coerced to its field's declared type.

    Values that are valid only with each other (a schedule and its milestones) can be set whatever
    their order.

    Raises:
        ConfigError: no such key, or the text is not a value of the key's type.
    """
    return replace_paths(config, {path: _coerced(config, path, t) for path, t in texts.items()})


def replace_paths(config: ConfigT, values: Mapping[str, Any]) -> ConfigT:
    """Return a copy with the values at existing dotted paths replaced at once."""
    changes = {path: value for path, value in values.items() if "." not in path}
    deeper: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        head, dot, rest = path.partition(".")
        if dot:
            deeper.setdefault(head, {})[rest] = value
    for head, inner in deeper.items():
        changes[head] = replace_paths(changes.get(head, getattr(config, head)), inner)
    return dataclasses.replace(config, **changes)  # type: ignore[type-var]


def _coerced(config: Any, path: str, text: str) -> Any:
    """Return the value that a text stands for at a dotted path."""
    from pydantic import TypeAdapter, ValidationError

    owner: Any = config
    *parents, leaf = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent, None)
    known = [f.name for f in dataclasses.fields(owner)] if dataclasses.is_dataclass(owner) else []
    if leaf not in known:
        every = list(flatten(config))
        raise ConfigError(
            f"{type(config).__name__} has no key '{path}'.{did_you_mean(path, every)}"
        )
    hint = get_type_hints(type(owner))[leaf]
    try:
        value: Any = text if hint is str else json.loads(text)
    except json.JSONDecodeError:
        value = text
    try:
        return TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].lower()
        raise ConfigError(f"--set {path}={text}: {problem}") from None
