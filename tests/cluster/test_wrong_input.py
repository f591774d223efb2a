"""What a stranger gets wrong is one line that says what to do, before anything waits for it."""

import socket
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.cli import app
from cluster.launchers import ray_up
from cluster.launchers.hosts import HostsLauncher
from cluster.launchers.ray_up import RayUpLauncher
from cluster.launchers.slurm import SlurmLauncher
from cluster.shell import LaunchError, run
from cluster.spec import ClusterSpec, Hosts, Slurm, load_spec
from cluster.submission import check_submission
from trainables.errors import ConfigError, SelectionError

EXAMPLES = Path(__file__).parents[2] / "cluster" / "examples"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def hosts_here(folder: Path, **changes: int) -> HostsLauncher:
    hosts = Hosts(head="127.0.0.1", shell=("env", "HOST={host}"), **changes)
    spec = ClusterSpec(
        name="test", kind="hosts", storage="/s", environment=str(folder), hosts=hosts
    )
    return HostsLauncher(spec)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["demoo"], SelectionError, "Did you mean 'demo'"),
        (["demo", "--only", "methd=knn"], SelectionError, "Did you mean 'method'"),
        (["demo", "--set", "lrr=1"], ConfigError, "--set lrr: no cell has this key"),
        (["demo", "--replicates", "0"], ConfigError, "--replicates must be at least 1"),
        (["demo", "--gpus-per-worker", "1.5"], ConfigError, "above 1 must be whole"),
    ],
)
def test_a_submission_is_read_before_it_is_handed_in(
    arguments: list[str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        check_submission(arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "--replicas", "3"], "No such option: --replicas"),
        (["demo", "--sampler", "grid"], "Invalid value for '--sampler'"),
        (["demo", "again"], "unexpected extra argument"),
        ([], "Missing argument 'STUDY'"),
    ],
)
def test_so_are_the_words_of_its_options(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["cluster", "submit", str(EXAMPLES / "slurm.toml"), *arguments])
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--twin", "--only", "method=knn", "--set", "k=5", "--workers-per-trial", "2"],
        # These may be on the nodes only.
        ["lab.study", "--only", "factor=level"],
        ["demo", "--selection", "/shared/selection.json"],
    ],
)
def test_what_the_nodes_may_know_is_let_through(arguments: list[str]) -> None:
    check_submission(arguments)


@pytest.mark.parametrize("key", ["port", "dashboard_port"])
def test_a_port_in_use_is_named_before_ray_takes_another(key: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LaunchError, match=f"port {port} is in use: choose another hosts.port"):
            hosts_here(tmp_path, **{"port": 1, "dashboard_port": 2, key: port}).up()


def test_a_cluster_that_is_not_up_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster = hosts_here(tmp_path)
    with pytest.raises(LaunchError, match=r"does not run on .*: start it with"):
        cluster.status()
    assert cluster.logs("job", follow=False) == 1
    assert "does not run on 127.0.0.1" in capfd.readouterr().err


def test_an_unknown_host_is_named_with_what_ssh_says() -> None:
    with pytest.raises(LaunchError, match=r"(?s)nosuch.invalid.*(nosuch|ssh)"):
        HostsLauncher(
            ClusterSpec(
                name="test",
                kind="hosts",
                storage="/s",
                environment="/e",
                hosts=Hosts(head="nosuch.invalid"),
            )
        ).status()


def slurm_at(storage: Path) -> SlurmLauncher:
    slurm = Slurm(nodes=1, cpus_per_node=1)
    return SlurmLauncher(
        ClusterSpec(name="test", kind="slurm", storage=str(storage), environment="/e", slurm=slurm)
    )


def test_a_slurm_job_without_a_log_is_told_from_one_that_is_silent(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="job 12 has printed nothing"):
        slurm_at(tmp_path).logs("12", follow=False)
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "12.log").touch()
    assert slurm_at(tmp_path).logs("12", follow=False) == 0


def test_without_slurm_a_submission_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mkdir").symlink_to("/bin/mkdir")
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(LaunchError, match="'sbatch' is not installed here"):
        slurm_at(tmp_path / "storage").submit(["demo"])
    assert not (tmp_path / "storage").exists()


def test_of_a_program_s_traceback_the_error_is_shown() -> None:
    with pytest.raises(LaunchError) as caught:
        run([sys.executable, "-c", "def f():\n  raise ValueError('no such zone')\nf()"])
    assert str(caught.value).splitlines()[-1] == "ValueError: no such zone"
    assert "Traceback" not in str(caught.value)


def test_ray_is_that_of_this_environment_whatever_the_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[str] = []
    monkeypatch.setattr(ray_up, "run", lambda command, **_: called.append(command[0]) or "")
    cluster = RayUpLauncher(load_spec(EXAMPLES / "onprem.toml"))
    cluster.up()
    cluster.status()
    assert called == [str(Path(sys.executable).with_name("ray"))] * 2
    assert Path(called[0]).is_file()
