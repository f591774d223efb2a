"""Slurm: an allocation per study, with a Ray cluster inside that ends with it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster import jobs
from cluster.launcher import study_command
from cluster.shell import LaunchError, require, run, stream
from cluster.spec import ClusterSpec, Slurm
from cluster.state import state_folder, write_files

_BODY = r"""
set -euo pipefail
umask 077

nodes="$SLURM_JOB_NUM_NODES"
state="$storage/slurm/$SLURM_JOB_ID"
mkdir -p "$state"
od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$state/token"
trap 'rm -f "$state/token"' EXIT
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$state/token" RAY_USAGE_STATS_ENABLED=0
export MLFLOW_DISABLE_TELEMETRY=true

# Jobs of one user may share a node: each has ports of its own.
port=$((20000 + SLURM_JOB_ID % 10000))
dashboard_port=$((30000 + SLURM_JOB_ID % 10000))
agent_port=$((40000 + SLURM_JOB_ID % 10000))
all="$(scontrol show hostnames "$SLURM_JOB_NODELIST")"
head="${all%%$'\n'*}"
addresses="$(srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" hostname -I)"
head_ip="${addresses%% *}"

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
  "$ray" start --head --node-ip-address="$head_ip" --port="$port" \
  --dashboard-host=127.0.0.1 --dashboard-port="$dashboard_port" \
  --dashboard-agent-listen-port="$agent_port" \
  --num-cpus="$cpus" --num-gpus="$gpus" --disable-usage-stats --block &
if [ "$nodes" -gt 1 ]; then
  srun --overlap --nodes=$((nodes - 1)) --ntasks=$((nodes - 1)) --exclude="$head" \
    "$ray" start --address="$head_ip:$port" --dashboard-agent-listen-port="$agent_port" \
    --num-cpus="$cpus" --num-gpus="$gpus" --disable-usage-stats --block &
fi
srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
  "$python" -m cluster.wait_for_nodes "$head_ip:$port" "$nodes"

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
  "$study_program" "${study_arguments[@]}" --address "$head_ip:$port" &
driver=$!
asked=0
trap 'asked=1; kill -TERM "$driver"' TERM
code=0
wait "$driver" || code=$?
# The trap ends the first wait; the driver needs a moment to write what it has.
if [ "$asked" = 1 ]; then code=0; wait "$driver" || code=$?; fi
if [ "$asked" = 1 ] && [ "$requeue" = 1 ]; then
  echo "the time limit is near: going on in a new allocation"
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""


class SlurmLauncher:
    """See :class:`cluster.launcher.Launcher`."""

    def __init__(self, spec: ClusterSpec) -> None:
        assert spec.slurm is not None  # a cluster file of this kind has the table
        self.spec = spec
        self.slurm: Slurm = spec.slurm

    def files(self) -> Mapping[str, str]:
        """Return the batch script, for the demo study."""
        return {"study.sbatch": self.script(["demo"])}

    def up(self) -> str:
        """Say that there is nothing to start."""
        return "on Slurm every study has an allocation of its own: submit one\n"

    def down(self) -> str:
        """Cancel all jobs of this cluster file; what they have done stays."""
        run(["scancel", f"--name={self._name}", "--me"])
        return "cancelled; studies go on where they were when they are submitted again\n"

    def status(self) -> str:
        """Return the queue."""
        return run(["squeue", f"--name={self._name}", "--me"])

    def submit(self, arguments: Sequence[str]) -> str:
        """Queue a study; return the number of its job."""
        script = self.script(arguments)
        require("sbatch")  # before anything is left behind
        run(["mkdir", "-p", f"{self.spec.storage}/slurm"])
        folder = state_folder(self.spec.name)
        (path,) = write_files(folder, {f"{jobs.job_name(arguments[0])}.sbatch": script})
        return run(["sbatch", "--parsable", str(path)]).strip().partition(";")[0]

    def logs(self, job: str, follow: bool) -> int:
        """Print what a job printed."""
        if not job.isdigit():
            raise LaunchError(f"'{job}' is not the number of a Slurm job")
        path = Path(f"{self.spec.storage}/slurm/{job}.log")
        if not (follow or path.exists()):
            raise LaunchError(
                f"job {job} has printed nothing to {path}: `xenograft cluster status` tells "
                "whether it waits"
            )
        return stream(["tail", "-n", "+1", *(["-F"] if follow else []), str(path)])

    def stop(self, job: str) -> str:
        """Cancel a job; submitting its study again goes on."""
        run(["scancel", job])
        return f"{job} cancelled\n"

    def script(self, arguments: Sequence[str]) -> str:
        """Return the batch script of a study."""
        program, *study = study_command(self.spec, arguments, "")
        # The address is known in the allocation only.
        at = study.index("--address")
        del study[at : at + 2]
        values = {
            "storage": self.spec.storage,
            "ray": self.spec.program("ray"),
            "python": self.spec.program("python"),
            "cpus": str(self.slurm.cpus_per_node),
            "gpus": str(self.slurm.gpus_per_node),
            "requeue": str(int(self.slurm.requeue)),
            "study_program": program,
        }
        given = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
        given += f"study_arguments=({shlex.join(study)})\n"
        setup = "".join(f"{line}\n" for line in self.slurm.setup)
        return f"#!/bin/bash\n{self._directives()}\n{setup}{given}{_BODY}"

    @property
    def _name(self) -> str:
        return f"xenograft-{self.spec.name}"

    def _directives(self) -> str:
        slurm = self.slurm
        given = {
            "job-name": self._name,
            "nodes": slurm.nodes,
            "ntasks-per-node": 1,
            "cpus-per-task": slurm.cpus_per_node,
            "gpus-per-node": slurm.gpus_per_node,
            "mem": f"{slurm.memory_gib}G" if slurm.memory_gib else "",
            "time": slurm.time,
            "partition": slurm.partition,
            "account": slurm.account,
            "qos": slurm.qos,
            "output": f"{self.spec.storage}/slurm/%j.log",
            "open-mode": "append",
            "signal": "B:TERM@120",
        }
        lines = [f"#SBATCH --{name}={value}\n" for name, value in given.items() if value]
        return "".join(lines) + ("#SBATCH --requeue\n" if slurm.requeue else "")
