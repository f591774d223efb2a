"""Options that several verbs share, declared once.

A verb takes ``selection`` and ``resolved``; :func:`with_selection` and :func:`with_settings` put
the matching command-line options into its signature and build the two objects from them.
"""

from __future__ import annotations

import functools
import inspect
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.commands.completion import complete_only, complete_set, complete_study
from orchestrator.selection import RecipeName, SamplerName, Selection, parse_only, parse_overrides
from orchestrator.settings import Resolved, resolve
from trainables.errors import ConfigError

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
StudyName = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study's name (see `xenograft ls`).",
        autocompletion=complete_study,
    ),
]

_SELECTION: dict[str, tuple[Any, Any]] = {
    "study": (StudyName, inspect.Parameter.empty),
    "only": (
        Annotated[
            list[str] | None,
            typer.Option(
                metavar="FACTOR=LEVEL[,LEVEL]",
                help="Keep only these levels of a factor, or of 'experiment'. Repeatable.",
                autocompletion=complete_only,
            ),
        ],
        None,
    ),
    "recipe": (
        Annotated[
            RecipeName | None,
            typer.Option(
                help="'paper': replicates of the paper's config. 'search': tune first (default).",
                show_default=False,
            ),
        ],
        None,
    ),
    "search_trials": (
        Annotated[int | None, typer.Option(help="Configs tried per cell.", show_default=False)],
        None,
    ),
    "replicates": (
        Annotated[int | None, typer.Option(help="Seeds of the chosen config.", show_default=False)],
        None,
    ),
    "twin": (
        Annotated[bool, typer.Option("--twin", help="Swap all data and backbones for twins.")],
        False,
    ),
    "smoke": (
        Annotated[
            bool,
            typer.Option("--smoke", help="Touch every cell once, as small as it goes, on twins."),
        ],
        False,
    ),
    "overrides": (
        Annotated[
            list[str] | None,
            typer.Option(
                "--set",
                metavar="KEY=VALUE",
                help="Fix a config key of every cell that has it, e.g. optimizer.lr=1e-3. "
                "Repeatable.",
                autocompletion=complete_set,
            ),
        ],
        None,
    ),
    "sampler": (Annotated[SamplerName, typer.Option(help="How Optuna suggests.")], "tpe"),
    "selection_file": (
        Annotated[
            Path | None,
            typer.Option(
                "--selection",
                metavar="FILE",
                help="All of the above from a file, as `xenograft import` writes it.",
                show_default=False,
            ),
        ],
        None,
    ),
}

_WHERE: dict[str, Any] = {
    "storage": Annotated[
        Path | None, typer.Option(help="Folder of runs, shared by all nodes.", show_default=False)
    ],
    "tracking_uri": Annotated[
        str | None, typer.Option(help="MLflow tracking store.", show_default=False)
    ],
}
_RESOURCES: dict[str, Any] = {
    "workers_per_trial": Annotated[
        int | None, typer.Option(help="DDP ranks of one trial.", show_default=False)
    ],
    "cpus_per_worker": Annotated[
        float | None, typer.Option(help="CPUs a rank holds.", show_default=False)
    ],
    "gpus_per_worker": Annotated[
        str | None,
        typer.Option(
            metavar="GPUS|auto",
            help="GPUs a rank holds; a fraction shares one, 'auto' chooses it for each cell.",
            show_default=False,
        ),
    ],
    "gpu_memory_gib": Annotated[
        float | None,
        typer.Option(help="Memory of a GPU, for 'auto' (0: ask them).", show_default=False),
    ],
    "compile": Annotated[
        bool | None,
        typer.Option(
            "--compile/--no-compile",
            help="Let `classify` train compiled networks: a wait first, then faster steps.",
            show_default=False,
        ),
    ],
    "max_concurrent": Annotated[
        int | None, typer.Option(help="Trials at once (0: as many as fit).", show_default=False)
    ],
    "max_nodes": Annotated[
        int | None,
        typer.Option(help="Nodes an autoscaling cluster may grow to.", show_default=False),
    ],
    "time_budget_s": Annotated[
        float | None,
        typer.Option("--time-budget", help="Seconds after which to stop.", show_default=False),
    ],
    "trial_timeout_min": Annotated[
        float | None,
        typer.Option(
            "--trial-timeout",
            metavar="MINUTES",
            help="Retry a trial that reports nothing for so long.",
            show_default=False,
        ),
    ],
    "address": Annotated[
        str | None, typer.Option(help="Ray cluster; empty: a local one.", show_default=False)
    ],
}


def with_selection(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Replace the parameter ``selection`` of a verb by the options that make one."""

    @functools.wraps(verb)
    def wrapper(**values: Any) -> Any:
        given = {name: values.pop(name) for name in _SELECTION}
        file = given.pop("selection_file")
        selection = _selection(given) if file is None else _selection_in(file, given)
        return verb(selection=selection, **values)

    parameters = [_parameter(name, kind, default) for name, (kind, default) in _SELECTION.items()]
    return _resign(wrapper, verb, "selection", parameters)


def _selection(given: Mapping[str, Any]) -> Selection:
    return Selection(
        study=given["study"],
        only=parse_only(given["only"] or []),
        recipe=given["recipe"] or ("paper" if given["smoke"] else "search"),
        search_trials=given["search_trials"],
        replicates=given["replicates"],
        twin=given["twin"],
        smoke=given["smoke"],
        overrides=parse_overrides(given["overrides"] or []),
        sampler=given["sampler"],
    )


def _selection_in(file: Path, given: Mapping[str, Any]) -> Selection:
    from orchestrator.selection_file import read_selection

    named = {"overrides": "--set"}
    for name, value in given.items():
        if name != "study" and value != _SELECTION[name][1]:
            option = named.get(name, f"--{name.replace('_', '-')}")
            raise ConfigError(
                f"--selection {file}: is all of the selection: leave out {option}, or write it "
                "into the file"
            )
    return read_selection(file, given["study"])


def with_settings(resources: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replace the parameter ``resolved`` of a verb by the options that override settings.

    Args:
        resources: offer what a trial may use as well as where things are.
    """
    offered = {**_WHERE, **_RESOURCES} if resources else _WHERE

    def decorate(verb: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(verb)
        def wrapper(**values: Any) -> Any:
            resolved: Resolved = resolve({name: values.pop(name) for name in offered})
            return verb(resolved=resolved, **values)

        parameters = [_parameter(name, kind, None) for name, kind in offered.items()]
        return _resign(wrapper, verb, "resolved", parameters)

    return decorate


def given_again(resolved: Resolved) -> str:
    """Return the options that said where things are, for a next step that finds them too."""
    given = [name for name in _WHERE if resolved.origin[name].startswith("--")]
    if not given:
        return ""
    from orchestrator.tracking.store import hide_password

    options = [
        text
        for name in given
        for text in (resolved.origin[name], hide_password(str(getattr(resolved.settings, name))))
    ]
    return "".join(f" {shlex.quote(text)}" for text in options)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _resign(
    wrapper: Callable[..., Any],
    verb: Callable[..., Any],
    replaced: str,
    parameters: list[inspect.Parameter],
) -> Callable[..., Any]:
    """Give the wrapper the verb's signature with one parameter replaced by several."""
    own = inspect.signature(verb, eval_str=True).parameters.values()
    kept = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own if p.name != replaced]
    every = sorted([*parameters, *kept], key=lambda p: p.default is not inspect.Parameter.empty)
    wrapper.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in every}
    del wrapper.__wrapped__  # type: ignore[attr-defined]
    return wrapper
