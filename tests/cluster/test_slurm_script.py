"""The batch script, run with stand-ins for Slurm's programs and for those of the environment."""

import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from cluster.launchers.slurm import SlurmLauncher
from cluster.spec import ClusterSpec, Slurm

SRUN = """\
echo "srun $*" >> "$RECORD"
while [ "${1#--}" != "$1" ]; do shift; done
exec "$@"
"""
SCONTROL = """\
if [ "$1" = show ]; then printf 'node1\\nnode2\\n'; else echo "scontrol $*" >> "$RECORD"; fi
"""
RAY = """\
echo "ray $*" >> "$RECORD"
echo "token $(stat -c %a "$RAY_AUTH_TOKEN_PATH") $(wc -c < "$RAY_AUTH_TOKEN_PATH")" >> "$RECORD"
exec sleep 30
"""
# Both nodes are waited for, as they are in earnest.
PYTHON = """\
echo "python $*" >> "$RECORD"
for _ in $(seq 100); do
  if [ "$(grep -c ^token "$RECORD")" = 2 ]; then exit 0; fi
  sleep 0.1
done
exit 1
"""
XENOGRAFT = """\
echo "mode $RAY_AUTH_MODE" >> "$RECORD"
for word in "$@"; do echo "word $word" >> "$RECORD"; done
if [ -n "${WAIT_FOR_TERM:-}" ]; then
  trap 'echo "driver was told to end" >> "$RECORD"; exit 130' TERM
  echo "driver waits" >> "$RECORD"
  for _ in $(seq 200); do sleep 0.1; done
fi
exit "${DRIVER_CODE:-0}"
"""


class Allocation:
    """A folder with the stand-ins, a script, and the record of what was called."""

    def __init__(self, folder: Path, requeue: bool) -> None:
        self.folder = folder
        self.record = folder / "record"
        programs = folder / "environment" / "bin"
        programs.mkdir(parents=True)
        own = {"ray": RAY, "python": PYTHON, "xenograft": XENOGRAFT}
        for name, text in {**own, "srun": SRUN, "scontrol": SCONTROL}.items():
            path = programs / name
            path.write_text(f"#!/bin/bash\n{text}")
            path.chmod(0o755)
        spec = ClusterSpec(
            name="test",
            kind="slurm",
            storage=str(folder / "storage"),
            environment=str(programs.parent),
            slurm=Slurm(nodes=2, cpus_per_node=3, gpus_per_node=1, requeue=requeue),
        )
        self.script = folder / "study.sbatch"
        self.script.write_text(SlurmLauncher(spec).script(["demo", "--set", "name=a b$c"]))
        self.programs = programs

    def start(self, **environment: str) -> "subprocess.Popen[bytes]":
        variables = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "RECORD": str(self.record),
            "SLURM_JOB_ID": "4217",
            "SLURM_JOB_NUM_NODES": "2",
            "SLURM_JOB_NODELIST": "node[1-2]",
        }
        # A group of its own, which Slurm would end with the allocation.
        return subprocess.Popen(
            ["bash", str(self.script)], env={**variables, **environment}, start_new_session=True
        )

    def lines(self) -> list[str]:
        return self.record.read_text().splitlines() if self.record.exists() else []


def end(process: "subprocess.Popen[bytes]") -> int:
    try:
        return process.wait(timeout=20)
    finally:
        os.killpg(process.pid, signal.SIGKILL)


def test_ray_starts_on_all_nodes_and_the_study_on_the_first(tmp_path: Path) -> None:
    allocation = Allocation(tmp_path, requeue=True)
    assert end(allocation.start()) == 0
    lines = allocation.lines()
    head, worker = sorted(line for line in lines if line.startswith("ray start"))[::-1]
    assert "--head" in head
    assert "--dashboard-host=127.0.0.1" in head
    assert "--num-cpus=3 --num-gpus=1" in head
    assert worker.startswith("ray start --address=")
    assert "token 600 64" in lines
    assert "mode token" in lines
    words = [line.removeprefix("word ") for line in lines if line.startswith("word ")]
    assert words[:4] == ["run", "demo", "--set", "name=a b$c"]
    given = dict(zip(words[4::2], words[5::2], strict=True))
    assert given["--storage"] == str(tmp_path / "storage")
    address = given["--address"]
    assert address.endswith(":24217")
    assert f"python -m cluster.wait_for_nodes {address} 2" in lines
    assert f"--address={address}" in worker
    assert not any(line.startswith("scontrol requeue") for line in lines)
    assert not (tmp_path / "storage" / "slurm" / "4217" / "token").exists()


def test_a_failed_study_fails_the_job(tmp_path: Path) -> None:
    allocation = Allocation(tmp_path, requeue=True)
    assert end(allocation.start(DRIVER_CODE="1")) == 1
    assert not any(line.startswith("scontrol") for line in allocation.lines())


@pytest.mark.parametrize("requeue", [True, False])
def test_near_the_time_limit_the_driver_ends_cleanly_and_the_job_goes_on_later(
    requeue: bool, tmp_path: Path
) -> None:
    allocation = Allocation(tmp_path, requeue=requeue)
    process = allocation.start(WAIT_FOR_TERM="1")
    deadline = time.monotonic() + 20
    while "driver waits" not in allocation.lines():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    assert end(process) == 130
    assert "driver was told to end" in allocation.lines()
    assert ("scontrol requeue 4217" in allocation.lines()) == requeue
    assert ("#SBATCH --requeue" in allocation.script.read_text()) == requeue


def test_submit_hands_a_private_script_to_sbatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocation = Allocation(tmp_path, requeue=True)
    sbatch = allocation.programs / "sbatch"
    sbatch.write_text('#!/bin/bash\necho "$*" > "$RECORD"\necho "77;cluster"\n')
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{allocation.programs}:{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(allocation.record))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    spec = ClusterSpec(
        name="test",
        kind="slurm",
        storage=str(tmp_path / "storage"),
        environment="/env",
        slurm=Slurm(nodes=1, cpus_per_node=1),
    )
    assert SlurmLauncher(spec).submit(["demo"]) == "77"
    (arguments,) = allocation.lines()
    script = Path(arguments.split()[-1])
    assert stat.S_IMODE(script.stat().st_mode) == 0o600
    assert "#SBATCH --job-name=xenograft-test\n" in script.read_text()
