"""Services that drivers use, to be taken down and brought back."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import threading
import urllib.request

import psutil
from chaos_driver import Arena
from chaos_stores import copy_ready_store


def free_port() -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class MlflowServer:
    """An MLflow server with a database behind it.

    Args:
        database: address of the database; empty: a sqlite file of its own.
    """

    def __init__(self, arena: Arena, database: str = "") -> None:
        self._arena, self._port = arena, free_port()
        store = arena.folder / "server.db"
        self.database = database or f"sqlite:///{store}"
        copy_ready_store(store)
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(self._port), "--workers", "1"]
        command += ["--backend-store-uri", self.database]
        command += ["--artifacts-destination", str(self._arena.folder / "artifacts")]
        self._process = self._arena.help(command)
        self._arena.until(self._answers, "the MLflow server")
        if self._process.poll() is not None:
            raise AssertionError(f"the MLflow server ended:\n{self._arena.said()}")

    def down(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._arena.stop(self._process)

    def _answers(self) -> bool:
        """Return whether it answers, or has ended."""
        assert self._process is not None
        if self._process.poll() is not None:
            return True
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                return True
        except OSError:
            return False


class Postgres:
    """A Postgres server that can be stopped the hard way, as a power cut would."""

    # pgserver's lock is one between processes: threads have to take turns by themselves.
    _TURN = threading.Lock()

    def __init__(self, arena: Arena) -> None:
        import pgserver

        self._data = arena.folder / "postgres"
        with self._TURN:
            self._server = pgserver.get_server(self._data, cleanup_mode="stop")
        # The driver that is installed, which is not the one that this scheme stands for alone.
        self.uri = self._server.get_uri().replace("postgresql:", "postgresql+psycopg2:", 1)
        arena.at_end.callback(self._stop)

    def _stop(self) -> None:
        with self._TURN:
            self._server.cleanup()

    def restart(self) -> None:
        """Let it drop everything at once and start again: it recovers from its log."""
        from pgserver._commands import pg_ctl

        command = ["-w", "-m", "immediate", "-l", str(self._server.log), "restart"]
        pg_ctl(command, pgdata=self._data, user=self._server.system_user)


class RayCluster:
    """A Ray cluster of a head without CPUs and two nodes of one, each with its own raylet."""

    SCRIPT = """
import pathlib, signal, sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
pids = [node.all_processes["raylet"][0].process.pid for node in nodes]
said = pathlib.Path(sys.argv[1])
(said.parent / "said.tmp").write_text(" ".join([cluster.address, *map(str, pids)]))
(said.parent / "said.tmp").rename(said)
signal.pause()
"""

    def __init__(self, arena: Arena) -> None:
        arena.environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        said = arena.folder / "cluster.txt"
        self._arena = arena
        arena.help([sys.executable, "-c", self.SCRIPT, str(said)])
        arena.until(said.exists, "the Ray cluster")
        self.address, *pids = said.read_text().split()
        self._raylets = [int(pid) for pid in pids]

    def lose_a_node(self) -> None:
        """Kill -9 the raylet of a random node and its workers, as a power cut would.

        Workers whose raylet alone is killed go on for many seconds.
        """
        raylet = psutil.Process(self._arena.random.choice(self._raylets))
        for process in (raylet, *raylet.children(recursive=True)):
            process.kill()
        self._arena.faults += 1
