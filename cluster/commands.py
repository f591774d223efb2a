"""The verbs of ``xenograft cluster``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.kinds import KINDS
from orchestrator.console import OUT, print_next
from trainables.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from cluster.launcher import Launcher

cluster = typer.Typer(
    help="Start, use and stop a cluster: ssh hosts, AWS, Google Cloud, Kubernetes, Slurm.",
    no_args_is_help=True,
)

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="the cluster file; see `xenograft cluster example`")
]
Job = Annotated[str, typer.Argument(metavar="JOB", help="what `submit` has printed")]

_EXAMPLES = Path(__file__).parent / "examples"


@cluster.command()
def example(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"one of {', '.join(KINDS)}")],
) -> None:
    """Print a cluster file to start from.

    Example: xenograft cluster example slurm > cluster.toml
    """
    if kind not in KINDS:
        raise ConfigError(f"there is no kind of cluster '{kind}'.{did_you_mean(kind, KINDS)}")
    typer.echo((_EXAMPLES / f"{kind}.toml").read_text(encoding="utf-8"), nl=False)


@cluster.command()
def render(
    file: File,
    output: Annotated[Path, typer.Option(help="folder to write to")] = Path("cluster"),
) -> None:
    """Write what would be handed to the cloud or scheduler, to read or to keep.

    Example: xenograft cluster render cluster.toml --output manifests
    """
    from cluster.state import write_files

    for path in write_files(output, _launcher(file).files()):
        typer.echo(path)


@cluster.command()
def up(file: File) -> None:
    """Start a cluster, or what is missing of it.

    Example: xenograft cluster up cluster.toml
    """
    typer.echo(_launcher(file).up(), nl=False)
    print_next(f"xenograft cluster submit {_quoted(file)} demo --twin")


@cluster.command()
def status(file: File) -> None:
    """Show nodes and jobs.

    Example: xenograft cluster status cluster.toml
    """
    typer.echo(_launcher(file).status(), nl=False)


@cluster.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def submit(context: typer.Context, file: File) -> None:
    """Run a study on the cluster; goes on when this machine is closed.

    What follows the file is what follows `xenograft run`.

    Example: xenograft cluster submit cluster.toml feature_reuse --gpus-per-worker 0.5
    """
    from cluster.submission import check_submission

    launcher = _launcher(file)
    check_submission(context.args)
    job = launcher.submit(context.args)
    OUT.print(f"submitted: {job}")
    print_next(f"xenograft cluster logs {_quoted(file)} {job} --follow")


@cluster.command()
def logs(
    file: File,
    job: Job,
    follow: Annotated[bool, typer.Option("--follow", help="go on until the job ends")] = False,
) -> None:
    """Print what a job has printed.

    Example: xenograft cluster logs cluster.toml demo-20260101-120000 --follow
    """
    raise typer.Exit(_launcher(file).logs(job, follow))


@cluster.command()
def stop(file: File, job: Job) -> None:
    """End a job; submitting its study again goes on where it was.

    Example: xenograft cluster stop cluster.toml demo-20260101-120000
    """
    typer.echo(_launcher(file).stop(job), nl=False)


@cluster.command()
def down(file: File) -> None:
    """Stop a cluster; the storage and what is in it stays.

    Example: xenograft cluster down cluster.toml
    """
    typer.echo(_launcher(file).down(), nl=False)


@cluster.command("tracking-server")
def tracking_server(
    image: Annotated[str, typer.Option(help="image with Xenograft in it, see the Dockerfile")],
    output: Annotated[Path, typer.Option(help="folder to write to")] = Path("tracking-server"),
    namespace: Annotated[
        str, typer.Option(help="of Kubernetes; without it the files are for compose")
    ] = "",
) -> None:
    """Write what starts an MLflow server with Postgres, on one machine or in Kubernetes.

    Example: xenograft cluster tracking-server --image registry.example/xenograft:0.1
    """
    from cluster.state import write_files
    from cluster.tracking_server import compose_files, kubernetes_files

    files = kubernetes_files(image, namespace) if namespace else compose_files(image)
    existing = [name for name in files if (output / name).exists()]
    if existing:
        raise ConfigError(f"{output / existing[0]} exists: it holds a password in use, keep it")
    for path in write_files(output, files):
        typer.echo(path)
    if namespace:
        secret, manifest = _quoted(output / "make-secret.sh"), _quoted(output / "mlflow.yaml")
        print_next(f"bash {secret} && kubectl apply -f {manifest}")
    else:
        print_next(f"docker compose --project-directory {_quoted(output)} up --detach")


def _quoted(path: Path) -> str:
    """Return a path as a command to copy needs it."""
    return shlex.quote(str(path))


def _launcher(file: Path) -> Launcher:
    from cluster.launcher import launcher_of
    from cluster.spec import load_spec

    return launcher_of(load_spec(file))
