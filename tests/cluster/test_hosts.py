"""A real Ray cluster on hosts: one reached by a shell here, three in network namespaces."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.launchers.hosts import HostsLauncher
from cluster.shell import LaunchError
from cluster.spec import ClusterSpec, Hosts

STUDY = "toy_package.study"
AGENT_PORT = 52365
"""That `ray start` takes for the agent that takes jobs, unless told otherwise."""

pytestmark = [pytest.mark.integration, pytest.mark.timeout(420)]


def launcher(folder: Path, hosts: Hosts) -> HostsLauncher:
    spec = ClusterSpec(
        name="test",
        kind="hosts",
        storage=str(folder / "storage"),
        environment=str(Path(sys.executable).parents[1]),
        hosts=hosts,
    )
    return HostsLauncher(spec)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@contextlib.contextmanager
def running(cluster: HostsLauncher) -> Iterator[None]:
    try:
        cluster.up()
        yield
    finally:
        cluster.down()


@contextlib.contextmanager
def ports_of_another_ray_taken() -> Iterator[None]:
    with socket.socket() as agent:
        agent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # one is there already
            agent.bind(("0.0.0.0", AGENT_PORT))
            agent.listen()
        yield


def pid_on(home: Path, host: str) -> int:
    return int((home / ".xenograft/clusters/test" / host / "ray.pid").read_text())


def events(folder: Path) -> list[dict[str, object]]:
    ledger = folder / "storage" / "toy" / "ledger.jsonl"
    return [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []


def test_a_study_runs_on_a_host_and_nothing_stays_behind(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hosts = Hosts(
        head="127.0.0.1",
        shell=("env", "HOST={host}"),
        port=26379,
        dashboard_port=28265,
        cpus=2,
        gpus=0,
    )
    cluster = launcher(tmp_path, hosts)
    with ports_of_another_ray_taken(), running(cluster):
        pid = pid_on(tmp_path, "127.0.0.1")
        assert "runs already" in cluster.up()
        assert "no jobs yet" in cluster.status()
        assert "ALIVE  2" in cluster.status()
        with pytest.raises(LaunchError, match="nosuch"):
            cluster.stop("nosuch")
        job = cluster.submit([STUDY, "--only", "experiment=main", "--search-trials", "2"])
        assert cluster.logs(job, follow=True) == 0
        said = capfd.readouterr().out
        assert f"job {job}: SUCCEEDED" in said
        assert f"{job}" in cluster.status()
    with contextlib.suppress(FileNotFoundError):
        # A zombie, at most, that nobody has asked after.
        assert Path(f"/proc/{pid}/cmdline").read_bytes() == b""
    ended = Counter(event["state"] for event in events(tmp_path) if event["event"] == "cell_end")
    assert ended == {"complete": 2}
    token = (tmp_path / ".xenograft/clusters/test/token").read_text()
    logs = (tmp_path / ".xenograft/clusters/test/127.0.0.1/ray.log").read_text()
    assert token not in said + logs
    assert not (tmp_path / ".xenograft/clusters/test/127.0.0.1/token").exists()


def test_a_host_where_ray_does_not_start_says_why(tmp_path: Path) -> None:
    hosts = Hosts(head="127.0.0.1", shell=("env", "HOST={host}"), port=1)
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "ray"
    fake.write_text("#!/bin/bash\necho 'no such thing as a GPU' >&2\nexit 1\n")
    fake.chmod(0o755)
    spec = ClusterSpec(
        name="test", kind="hosts", storage="/s", environment=str(tmp_path), hosts=hosts
    )
    with pytest.raises(LaunchError, match="no such thing as a GPU"):
        HostsLauncher(spec).up()
    assert "not running" in HostsLauncher(spec).down()


NODES = ("10.77.3.1", "10.77.3.2", "10.77.3.3")


@pytest.fixture
def namespaces() -> Iterator[None]:
    """Three hosts with a network of their own between them."""

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    try:
        ip("link", "add", "xgtbr", "type", "bridge")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine lets us make no network namespaces")
    try:
        ip("link", "set", "xgtbr", "up")
        for number, node in enumerate(NODES):
            ip("netns", "add", node)
            ip(*f"link add xgt{number} type veth peer name eth0 netns {node}".split())
            ip("link", "set", f"xgt{number}", "master", "xgtbr", "up")
            ip("-n", node, "addr", "add", f"{node}/24", "dev", "eth0")
            ip("-n", node, "link", "set", "eth0", "up")
            ip("-n", node, "link", "set", "lo", "up")
        yield
    finally:
        for node in NODES:
            subprocess.run(["ip", "netns", "del", node], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", "xgtbr"], check=False, capture_output=True)


@pytest.mark.slow
@pytest.mark.usefixtures("namespaces")
def test_a_study_survives_the_loss_of_a_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_SLEEP", "1")
    hosts = Hosts(
        head=NODES[0], workers=NODES[1:], shell=("ip", "netns", "exec", "{host}"), cpus=1, gpus=0
    )
    cluster = launcher(tmp_path, hosts)
    with running(cluster):
        assert cluster.status().count("ALIVE") == 3
        job = cluster.submit([STUDY])
        lost = _lose_the_last_node_in_the_middle(tmp_path)
        assert lost, "the node held no trial when it was lost"
        assert cluster.logs(job, follow=True) == 0
        assert "SUCCEEDED" in cluster.status()
    told = events(tmp_path)
    ends = Counter(event["trial"] for event in told if event["event"] == "end")
    assert set(ends.values()) == {1}
    states = Counter(event["state"] for event in told if event["event"] == "cell_end")
    assert states == {"complete": 4}
    for folder in (tmp_path / "storage" / "toy" / "trials").iterdir():
        steps = [int(line) for line in (folder / "steps.txt").read_text().split()]
        # A lost trial goes on from its checkpoint: at most the step it was in is repeated.
        assert len(steps) - len(set(steps)) <= 1


def _lose_the_last_node_in_the_middle(folder: Path) -> bool:
    """Kill Ray on the last host, as a power cut would, while trials run; return whether any did."""
    deadline = time.monotonic() + 180
    while sum(event["event"] == "end" for event in events(folder)) < 4:
        assert time.monotonic() < deadline, "no trials have ended"
        time.sleep(0.2)
    inside = subprocess.run(
        ["ip", "netns", "pids", NODES[-1]], check=True, capture_output=True, text=True
    ).stdout.split()
    names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in inside}
    trials = [pid for pid, name in names.items() if b"ImplicitFunc" in name]
    for pid in inside:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    return bool(trials)
