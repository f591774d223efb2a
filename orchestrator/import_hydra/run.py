"""Which network is run on which data, and how."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.import_hydra.given import Given
from orchestrator.import_hydra.originals import (
    DATASETS,
    ORIGINALS,
    WITH_TEXT,
    WITHOUT_TEXT,
    Original,
)
from orchestrator.import_params.translation import Translation
from trainables.data.sets.segmentation_sets import POOLS
from trainables.errors import did_you_mean

Mode = Literal["train", "zero_shot", "sweep"]

_EXPERIMENT, _DATAMODULE, _TARGET = "experiment", "datamodule", "model.net._target_"
_DECODER = "model.net.rand_init_decoder"
_LISTS = "datamodule.train_dataset"
_LISTED = re.compile(r".*?([\w-]+)/anns/(?:train|val|test)\.json", re.DOTALL)
_FOLDERS = {True: WITH_TEXT, False: WITHOUT_TEXT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run of the original.

    Args:
        network: name of the network; its level in the study.
        network_keys: keys that it follows from.
        data: data card.
        data_keys: keys that it follows from.
        with_text: whether the data come with prompts.
    """

    network: str
    network_keys: tuple[str, ...]
    data: str
    data_keys: tuple[str, ...]
    with_text: bool
    mode: Mode

    @property
    def original(self) -> Original:
        """What the repository's files set for the network."""
        return ORIGINALS[self.network]


def identify(given: Given, out: Translation) -> Run | None:
    """Return what is run; None, with problems that say why, where that cannot be told."""
    network = _network_of_class(out) if given.whole else _network_of_file(out)
    found = _data_of_lists(out) if given.whole else _data_of_file(out)
    mode = _mode(given, out)
    if network is None or found is None:
        return None
    name, keys = network
    data, data_keys, with_text = found
    original = ORIGINALS[name]
    if with_text != original.reads_text:
        kind = "reads prompts" if original.reads_text else "reads no prompts"
        wanted = _FOLDERS[original.reads_text]
        out.refuse(data_keys[0], f"{name} {kind}: use {wanted}/")
    if mode != "train" and not original.reads_text:
        out.refuse(keys[0], f"{name} is always trained, on set values")
    return Run(
        network=name,
        network_keys=keys,
        data=data,
        data_keys=data_keys,
        with_text=with_text,
        mode=mode,
    )


def _network_of_file(out: Translation) -> tuple[str, tuple[str, ...]] | None:
    if _EXPERIMENT not in out.params:
        out.problems.append(f"{_EXPERIMENT}: is missing; the networks are {', '.join(ORIGINALS)}")
        return None
    name = out.params[_EXPERIMENT].removesuffix(".yaml")
    if name not in ORIGINALS:
        out.refuse(_EXPERIMENT, f"there is no such network.{did_you_mean(name, ORIGINALS)}")
        return None
    return _by_decoder(name, _EXPERIMENT, out)


def _network_of_class(out: Translation) -> tuple[str, tuple[str, ...]] | None:
    target = out.params.get(_TARGET, None)
    names = [name for name, original in ORIGINALS.items() if original.target == target]
    if not names:
        known = dict.fromkeys(original.target for original in ORIGINALS.values())
        out.refuse(_TARGET, f"the networks are {', '.join(known)}")
        return None
    return _by_decoder(names[0], _TARGET, out)


def _by_decoder(name: str, key: str, out: Translation) -> tuple[str, tuple[str, ...]]:
    """Tell the two BiomedCLIPSegs apart: they differ in where the decoder starts."""
    if _DECODER not in ORIGINALS[name].values:
        out.explain([_DECODER], "of BiomedCLIPSeg only")
        return name, (key,)
    random = out.params.get(_DECODER, ORIGINALS[name].values[_DECODER])
    return "biomed_clipseg" if random else "biomed_clipseg_d", (key, _DECODER)


def _data_of_file(out: Translation) -> tuple[str, tuple[str, ...], bool] | None:
    if _DATAMODULE not in out.params:
        out.problems.append(f"{_DATAMODULE}: is missing, such as {WITH_TEXT}/kvasir_polyp.yaml")
        return None
    folder, _, name = out.params[_DATAMODULE].removesuffix(".yaml").partition("/")
    if folder not in (WITH_TEXT, WITHOUT_TEXT) or not name:
        out.refuse(_DATAMODULE, f"must be {WITH_TEXT}/ or {WITHOUT_TEXT}/ and a data set")
        return None
    if name not in DATASETS:
        out.refuse(_DATAMODULE, f"there is no such data set.{did_you_mean(name, DATASETS)}")
        return None
    return DATASETS[name], (_DATAMODULE,), folder == WITH_TEXT


def _data_of_lists(out: Translation) -> tuple[str, tuple[str, ...], bool] | None:
    """Find the data in the paths of its lists of cases: the name of the file is not kept."""
    keys = [key for key in out.params.values if key == _LISTS or key.startswith(f"{_LISTS}.")]
    texts = [text for key in keys for text in _texts(out.params[key])]
    listed = [found[1] for text in texts if (found := _LISTED.fullmatch(text))]
    unknown = [name for name in listed if name not in DATASETS]
    if not listed or unknown:
        what = ", ".join(dict.fromkeys(unknown)) or "no list of cases, <data set>/anns/train.json"
        out.problems.append(f"{_LISTS}: has {what}; the data sets are {', '.join(DATASETS)}")
        return None
    cards = {DATASETS[name] for name in listed}
    pools = [pool for pool, members in POOLS.items() if cards == set(members)]
    if len(cards) > 1 and not pools:
        out.problems.append(f"{_LISTS}: the pools are {_pools()}, not {', '.join(sorted(cards))}")
        return None
    with_text = any(text.rpartition(".")[2].startswith("ImageTextMask") for text in texts)
    return (pools or sorted(cards))[0], tuple(keys), with_text


def _pools() -> str:
    return " and ".join(f"{name} ({', '.join(members)})" for name, members in POOLS.items())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))


def _mode(given: Given, out: Translation) -> Mode:
    """Tell evaluation without a checkpoint, which is zero-shot, from training."""
    params = out.params
    evaluates = given.script == "eval" or "use_ckpt" in params
    evaluates |= given.script is None and params.get("task_name", "train") != "train"
    out.explain(["task_name"], "says only whether this is an evaluation")
    if params.get("ckpt_path", None) is not None or params.get("train", True) is False:
        key = "ckpt_path" if params.get("ckpt_path", None) is not None else "train"
        out.refuse(
            key,
            "checkpoints of the original cannot be gone on from or evaluated; training and test "
            "are one run here, and the study has the evaluations on other data sets",
        )
    out.explain(["ckpt_path", "train"], "training and test are one run")
    if evaluates and params.get("use_ckpt", True):
        out.problems.append(
            "use_ckpt: an evaluation without a checkpoint of the original is zero-shot: use "
            "use_ckpt=false"
        )
    out.name("use_ckpt", "weights as published, untrained")
    if params.get("hparams_search", None) is not None:
        out.name("hparams_search", "--recipe search")
        return "sweep"
    return "zero_shot" if evaluates else "train"
