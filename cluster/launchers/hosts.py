"""Plain ``ray start`` on machines that are there already, reached by a shell."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Mapping, Sequence

from cluster import jobs
from cluster.shell import run, stream
from cluster.spec import ClusterSpec, Hosts
from cluster.state import token_of

_SET_UP = """\
set -eu
umask 077
folder="$HOME/.xenograft/clusters/$name/$host"
mkdir -p "$folder"
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$folder/token" RAY_USAGE_STATS_ENABLED=0
export RAY_JOB_STOP_WAIT_TIME_S=60 MLFLOW_DISABLE_TELEMETRY=true
pid="$(cat "$folder/ray.pid" 2>/dev/null || true)"
# A process number is given again one day: only one that runs Ray is ours.
runs() {
  [ -n "$pid" ] && tr '\\0' ' ' 2>/dev/null < "/proc/$pid/cmdline" | grep -q 'ray start'
}
"""

_START = """\
if runs; then echo "$host: runs already"; exit 0; fi
# Ray would take another port for its dashboard, where nobody asks it.
for port in $ports; do
  if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    echo "$host: port $port is in use: choose another hosts.port or hosts.dashboard_port" >&2
    exit 1
  fi
done
echo "$token" > "$folder/token"
# shellcheck disable=SC2086  # options are words
setsid nohup "$ray" start $options --block > "$folder/ray.log" 2>&1 < /dev/null &
pid=$!
echo "$pid" > "$folder/ray.pid"
for _ in $(seq 120); do
  if grep -q 'Ray runtime started' "$folder/ray.log"; then echo "$host: started"; exit 0; fi
  sleep 1
  runs || break
done
echo "$host: Ray has not started; the end of $folder/ray.log:" >&2
grep -v '^  ' "$folder/ray.log" | tail -n 5 >&2
exit 1
"""

# `ray start --block` ends its own children when it is told to end, and no other Ray of the machine.
_STOP = """\
if runs; then
  kill -TERM "$pid"
  for _ in $(seq 60); do runs || break; sleep 0.5; done
  if runs; then kill -KILL -- "-$pid"; fi
  echo "$host: stopped"
else
  echo "$host: not running"
fi
rm -f "$folder/ray.pid" "$folder/token"
"""


_ASK = """\
if ! runs; then
  echo "cluster '$name' does not run on $host: start it with \`xenograft cluster up\`" >&2
  exit 1
fi
"""


class HostsLauncher:
    """See :class:`cluster.launcher.Launcher`."""

    def __init__(self, spec: ClusterSpec) -> None:
        assert spec.hosts is not None  # a cluster file of this kind has the table
        self.spec = spec
        self.hosts: Hosts = spec.hosts

    def files(self) -> Mapping[str, str]:
        """Return the script that each host runs, with a mark in the place of the token."""
        return {f"{host}.sh": self._start_script(host, "TOKEN") for host in self._all}

    def up(self) -> str:
        """Start Ray on the head, then on every worker where it does not run."""
        token = token_of(self.spec.name)
        said = [self._on(host, self._start_script(host, token)) for host in self._all]
        return "".join(said)

    def down(self) -> str:
        """Stop the Ray that :meth:`up` started, workers first."""
        return "".join(self._on(host, self._script(host, _STOP)) for host in reversed(self._all))

    def status(self) -> str:
        """Return the nodes with their resources, and the jobs."""
        return self._on_head(jobs.status_script(self.spec, self.hosts.dashboard_port))

    def submit(self, arguments: Sequence[str]) -> str:
        """Start a study as a job of the head."""
        job = jobs.job_name(arguments[0]) if arguments else ""
        self._on_head(jobs.submit_script(self.spec, job, arguments, self.hosts.dashboard_port))
        return job

    def logs(self, job: str, follow: bool) -> int:
        """Print what a job printed."""
        script = jobs.logs_script(self.spec, job, follow, self.hosts.dashboard_port)
        return stream(self._shell(self.hosts.head), self._script(self.hosts.head, _ASK + script))

    def stop(self, job: str) -> str:
        """End a job so that it can be resumed."""
        return self._on_head(jobs.stop_script(self.spec, job, self.hosts.dashboard_port))

    @property
    def _all(self) -> list[str]:
        return [self.hosts.head, *self.hosts.workers]

    def _start_script(self, host: str, token: str) -> str:
        head = host == self.hosts.head
        return self._script(
            host,
            _START,
            token=token,
            ray=self.spec.program("ray"),
            options=" ".join(self._options(host)),
            ports=f"{self.hosts.port} {self.hosts.dashboard_port}" if head else "",
        )

    def _options(self, host: str) -> list[str]:
        # The fixed port that Ray takes unless told may be in use, and then the head takes no jobs.
        options = ["--disable-usage-stats", "--dashboard-agent-listen-port=0"]
        if host == self.hosts.head:
            options += ["--head", f"--port={self.hosts.port}", "--dashboard-host=127.0.0.1"]
            options += [f"--dashboard-port={self.hosts.dashboard_port}"]
        else:
            options.append(f"--address={self.hosts.head}:{self.hosts.port}")
        if _is_address(host):
            options.append(f"--node-ip-address={host}")
        for name, value in (("cpus", self.hosts.cpus), ("gpus", self.hosts.gpus)):
            options += [] if value is None else [f"--num-{name}={value}"]
        return options

    def _script(self, host: str, body: str, **values: str) -> str:
        values = {"name": self.spec.name, "host": host, **values}
        given = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
        return given + _SET_UP + body

    def _on_head(self, script: str) -> str:
        return self._on(self.hosts.head, self._script(self.hosts.head, _ASK + script))

    def _on(self, host: str, script: str) -> str:
        return run(self._shell(host), stdin=script)

    def _shell(self, host: str) -> list[str]:
        words = [word.replace("{host}", host) for word in self.hosts.shell]
        named = any("{host}" in word for word in self.hosts.shell)
        return [*words, *([] if named else [host]), "bash", "-s"]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
