"""The command line: what it prints, what it refuses, and how it says so."""

from __future__ import annotations

import json
import os
import re
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from orchestrator.cli import app, main
from orchestrator.console import print_left_out

TOY = "toy_package.study"
VERBS = [c.name or c.callback.__name__ for c in app.registered_commands if c.callback]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def xenograft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_AUTH_TOKEN", os.environ.get("RAY_AUTH_TOKEN", "a" * 64))

    def command(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["xenograft", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Said(code=code, out=captured.out, err=captured.err)

    return command


def _refused(said: Said, message: str) -> None:
    assert said.code == 2, said
    assert len(re.findall("^error: ", said.err, re.MULTILINE)) == 1, said.err
    assert re.search(message, said.err, re.DOTALL), said.err
    assert "Traceback" not in said.err + said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "nope"], r"no study 'nope'.* Known: .*demo"),
        (["plan", "os.path"], r"no module 'os.path' with a STUDY in it: check the name"),
        (["plan", "..x"], r"no module '..x' with a STUDY"),
        (["plan", "toy_package.none"], r"no module 'toy_package.none' with a STUDY"),
        (["plan", TOY, "--only", "name"], r"--only name: write it as factor=level"),
        (["plan", TOY, "--only", "nam=a"], r"no factor 'nam'. Did you mean 'name'"),
        (["plan", TOY, "--only", "name=z"], r"has no level 'z'. Known: a, b"),
        (["plan", TOY, "--only", "name=[bold]x"], r"has no level '\[bold\]x'"),
        (["plan", TOY, "--set", "x"], r"--set x: write it as key=value"),
        (["plan", TOY, "--set", "y=1"], r"--set y: no cell has this key"),
        (["plan", TOY, "--set", "x=many"], r"--set x=many: .*valid number"),
        (["plan", TOY, "--set", "x=nan"], r"--set x=nan: must be a finite number"),
        (["plan", "demo", "--set", "data.limit=-1"], r"--set data.limit=-1: limit must be >= 0"),
        (["plan", "demo", "--set", "data.limit.x=1"], r"Did you mean 'data.limit'"),
        (["plan", "demo", "--set", "data.name=nope"], r"no data set 'nope'"),
        (["plan", "demo", "--set", "backbone.card=nope"], r"no backbone 'nope'"),
        (
            ["plan", "demo", "--set", "data.name=aptos2019"],
            r"error: study 'demo' cannot run yet:.*not prepared in .*xenograft prepare",
        ),
        (["plan", TOY, "--replicates", "0"], r"--replicates must be at least 1"),
        (["plan", TOY, "--gpus-per-worker", "64"], r"no placement can satisfy.* Lower --workers"),
        (["plan", TOY, "--cpus-per-worker", "nan"], r"cpus_per_worker must be a number"),
        (["run", TOY, "--gpus-per-worker", "64"], r"no placement can satisfy"),
        (["run", TOY, "--address", "127.0.0.1:9"], r"no Ray cluster answers at 127.0.0.1:9"),
        (["run", TOY, "--address", "here"], r"--address here: write it as host:port"),
        (["run", TOY, "--tracking-uri", "mlruns"], r"'mlruns' is a folder.* Use sqlite:////abs"),
        (["run", TOY, "--tracking-uri", "ftp://h"], r"unknown scheme 'ftp'. Use sqlite:////"),
        (["run", TOY, "--tracking-uri", "http://[x"], r"http://\[x': Invalid IPv6 URL. Use "),
        (["run", TOY, "--storage", "~nobody_of_this_name"], r"storage = ~nobody_of_this_name: "),
        (["status", TOY], r"never run on .*xenograft_runs: start it with `xenograft run"),
        (["resume", TOY], r"never run on .*xenograft_runs: start it with `xenograft run"),
        (["report", TOY], r'has nothing of study .toy.. Run "xenograft run toy" first'),
        (["ui"], r"no tracking store sqlite:.* yet: run a study first"),
        (["ui", "--tracking-uri", "mlruns"], r"'mlruns' is a folder"),
        (["doctor", "nope"], r"no data set 'nope'"),
        (["prepare", "nope", "--source", "."], r"no data set 'nope'"),
        (["prepare", "aptos2019", "--source", "missing"], r"missing is not a folder"),
        (["show", "nope"], r"no study 'nope'"),
        (["ls", "data", "nope.cards"], r"no module 'nope.cards': check the name and PYTHONPATH"),
        (["ls", "backbones", "json"], r"module 'json' has no cards in BACKBONE_CARDS"),
        (["ls", "studies", "nope.study"], r"no module 'nope.study' with a STUDY"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_is_one_message_and_leaves_nothing(
    xenograft: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    _refused(xenograft(*arguments), message)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    # Planning remembers the digests of the files it had to read.
    assert [path for path in left if path.parent.name != "hashes"] == []


def test_a_plan_without_its_data_says_how_many_cells_wait(xenograft: Command) -> None:
    table = ["plan", "coop_lvt", "--only", "experiment=table1"]
    plan = xenograft(*table)
    _refused(plan, r"'coop_lvt' cannot run yet:\n  - data set 'dr' is not prepared")
    listed = json.loads(xenograft(*table, "--json").out)
    assert listed["cells"] == []
    assert all(key.startswith("table1/") for key in listed["waiting"])
    count = len(listed["waiting"])
    assert count > 1
    assert plan.out.strip() == f"cells that wait for what is missing: {count}"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("XENOGRAFT_STORGE", "x", "XENOGRAFT_STORGE: no such setting. Did you mean 'storage'"),
        ("XENOGRAFT_MAX_RETRIES", "x", "XENOGRAFT_MAX_RETRIES: .*valid integer"),
    ],
)
def test_a_wrong_variable_is_one_message(
    xenograft: Command, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    _refused(xenograft("ls"), message)


def test_a_settings_file_that_cannot_be_read_is_one_message(
    xenograft: Command, tmp_path: Path
) -> None:
    (tmp_path / "xenograft.toml").mkdir()
    _refused(xenograft("ls"), r"xenograft.toml cannot be read: Is a directory")


def test_a_storage_that_is_a_file_is_one_message(xenograft: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    _refused(xenograft("run", TOY, "--storage", "file"), r"cannot be written.*--storage")
    _refused(xenograft("status", TOY, "--storage", "file"), "never run")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_storage_that_cannot_be_written_is_one_message(
    xenograft: Command, tmp_path: Path
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    _refused(xenograft("run", TOY, "--storage", "closed"), r"cannot be written.*--storage")


@pytest.mark.parametrize("verb", ["plan", "status", "resume", "run"])
def test_a_damaged_ledger_is_one_message_that_names_the_byte(
    xenograft: Command, tmp_path: Path, verb: str
) -> None:
    ledger = tmp_path / "xenograft_runs" / "toy" / "ledger.jsonl"
    ledger.parent.mkdir(parents=True)
    ledger.write_text("3\n")
    _refused(xenograft(verb, TOY), r"ledger.jsonl: the line that ends at byte 2 is not an event")
    assert ledger.read_text() == "3\n"


def test_a_ledger_that_cannot_be_read_is_one_message(xenograft: Command, tmp_path: Path) -> None:
    (tmp_path / "xenograft_runs" / "toy" / "ledger.jsonl").mkdir(parents=True)
    _refused(xenograft("status", TOY), r"cannot read .*ledger.jsonl \(Is a directory\): fix")


@pytest.mark.integration
def test_a_damaged_delivery_state_is_one_message(xenograft: Command, tmp_path: Path) -> None:
    state = tmp_path / "xenograft_runs" / "toy" / "tracking.json"
    state.parent.mkdir(parents=True)
    state.write_text("{")
    _refused(xenograft("run", TOY), r"tracking.json is not a delivery state.* Delete it")
    assert not (state.parent / "ledger.jsonl").exists()


@pytest.mark.integration
@pytest.mark.parametrize("verb", ["run", "report"])
def test_a_tracking_store_that_is_no_database_is_one_message(
    xenograft: Command, tmp_path: Path, verb: str
) -> None:
    store = tmp_path / "notes.db"
    store.write_text("not a database")
    said = xenograft(verb, TOY, "--tracking-uri", f"sqlite:///{store}")
    _refused(said, r"cannot open the tracking store sqlite:.*notes.db: file is not a database")
    assert store.read_text() == "not a database"
    assert not (tmp_path / "xenograft_runs" / "toy" / "ledger.jsonl").exists()


@pytest.mark.integration
def test_a_cluster_without_a_token_is_one_message_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator.cli", "run", TOY, "--address", "auto"],
        env={**environment, "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    _refused(Said(done.returncode, done.stdout, done.stderr), "cannot use Ray at auto: ")
    assert not list(tmp_path.glob("xenograft_runs/**/ledger.jsonl"))


def test_a_port_in_use_is_one_message(xenograft: Command, tmp_path: Path) -> None:
    (tmp_path / "xenograft_runs").mkdir()
    (tmp_path / "xenograft_runs" / "mlflow.db").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        _refused(xenograft("ui", "--port", str(port)), rf"port {port} cannot be used .*--port")


def test_the_ui_replaces_this_process_and_keeps_the_address_out_of_its_arguments(
    xenograft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, command: started.append(command))
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "")
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "")
    monkeypatch.delenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION")
    uri = "postgresql://me:secret@db/xenograft"
    said = xenograft("ui", "--tracking-uri", uri, "--port", "5999")
    assert said.code == 0, said
    assert "secret" not in said.out + " ".join(started[0])
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == uri
    assert os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert started[0][-3:-1] == ["5999", "--workers"]


def test_a_password_is_not_shown(xenograft: Command) -> None:
    for arguments in (["show", "settings"], ["show", "settings", "--json"], ["ui"]):
        said = xenograft(*arguments, "--tracking-uri", "http://me:secret@host:5000")
        assert said.code == 0, said
        assert "secret" not in said.out
        assert "me:***@host:5000" in said.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["ls", "studies"],
        ["ls", "data"],
        ["ls", "backbones"],
        ["show", "demo"],
        ["show", "settings"],
        ["plan", TOY],
        ["plan", "demo", "--twin"],
        ["doctor", "aptos2019"],
    ],
    ids="_".join,
)
def test_json_is_the_whole_output(xenograft: Command, arguments: list[str]) -> None:
    said = xenograft(*arguments, "--json")
    assert json.loads(said.out)


def test_a_plan_with_problems_still_prints_its_json(xenograft: Command) -> None:
    said = xenograft("plan", "demo", "--set", "data.name=aptos2019", "--json")
    assert said.code == 2
    assert any("not prepared" in problem for problem in json.loads(said.out)["problems"])


def test_preparing_part_of_a_set_says_what_is_missing(xenograft: Command, tmp_path: Path) -> None:
    pictures = tmp_path / "aptos" / "train_images"
    pictures.mkdir(parents=True)
    for number in range(10):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(pictures / f"{number}.png")
    lines = ["id_code,diagnosis", *(f"{number},{number % 5}" for number in range(10))]
    (tmp_path / "aptos" / "train.csv").write_text("\n".join(lines))
    command = ("prepare", "aptos2019", "--source", str(tmp_path / "aptos"))
    said = xenograft(*command)
    assert said.code == 0, said
    assert "warning: not the complete set: train: 7 pictures instead of 2564" in said.out
    assert "train: 7 pictures" in json.loads(xenograft(*command, "--json").out)["differs"]


def test_copies_of_a_prepared_set_are_made_and_planned_with(
    xenograft: Command, tmp_path: Path
) -> None:
    pictures = tmp_path / "aptos" / "train_images"
    pictures.mkdir(parents=True)
    for number in range(10):
        Image.new("RGB", (80, 60), (number, 0, 0)).save(pictures / f"{number}.png")
    lines = ["id_code,diagnosis", *(f"{number},{number % 5}" for number in range(10))]
    (tmp_path / "aptos" / "train.csv").write_text("\n".join(lines))
    _refused(xenograft("prepare", "aptos2019"), "--source")
    plan = ("plan", "demo", "--only", "target=same_camera", "--set", "data.name=aptos2019@48")
    plan += ("--set", "data.domains=[]", "--set", "shift_domains=[]", "--json")
    assert xenograft(*plan).code == 2
    source = ("--source", str(tmp_path / "aptos"))
    said = xenograft("prepare", "aptos2019", *source, "--size", "48", "--json")
    assert said.code == 0, said
    (copies,) = json.loads(said.out)["copies"]
    assert (copies["name"], copies["pictures"]) == ("aptos2019@48", 10)
    assert copies["bytes"] > 10 * 48 * 64 * 3
    said = xenograft(*plan)
    assert said.code == 0, said
    assert "copies of 10 pictures" in xenograft("prepare", "aptos2019", "--exact").out


def test_backbones_are_networks_of_all_kinds(xenograft: Command) -> None:
    rows = {row["backbone"]: row for row in json.loads(xenograft("ls", "backbones", "--json").out)}
    found = {name: (rows[name]["for"], rows[name]["px"]) for name in ("deit_s", "minilm", "cris")}
    assert found == {"deit_s": ("pictures", 224), "minilm": ("texts", ""), "cris": ("masks", 416)}
    assert "pmc15m: as biomed_clip pmc15m" in rows["biomed_clipseg"]["licence"]
    assert rows["cris_twin"]["here"]


def test_a_module_of_ones_own_is_listed_instead(
    xenograft: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "listed_cards.py").write_text(
        "from dataclasses import replace\n"
        "from trainables.data.cards import get_data_card\n"
        "from trainables.models.cards import get_backbone_card\n"
        "eyes = replace(get_data_card('aptos2019'), name='listed_cards.eyes')\n"
        "DATA_CARDS = (replace(eyes, module='trainables.data.sets.aptos2019'),)\n"
        "BACKBONE_CARDS = (replace(get_backbone_card('deit_s'), name='listed_cards.net'),)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (eyes,) = json.loads(xenograft("ls", "data", "listed_cards", "--json").out)
    (net,) = json.loads(xenograft("ls", "backbones", "listed_cards", "--json").out)
    assert (eyes["data set"], eyes["here"]) == ("listed_cards.eyes", False)
    assert (net["backbone"], net["for"]) == ("listed_cards.net", "pictures")
    (toy,) = json.loads(xenograft("ls", "studies", TOY, "--json").out)
    assert (toy["study"], toy["experiments"]) == (TOY, 2)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shows_an_example(xenograft: Command, verb: str) -> None:
    said = xenograft(verb, "--help")
    assert said.code == 0
    assert f"Example: xenograft {verb}" in said.out


@pytest.mark.parametrize("text", ["[bold]x[/]", "[/]", "[link=file]"])
def test_what_the_user_wrote_is_never_markup(xenograft: Command, text: str) -> None:
    planned = xenograft("plan", TOY, "--set", f"name={text}")
    assert planned.code == 0, planned
    assert f"--set 'name={text}'" in planned.out.splitlines()[-1]
    settings = xenograft("show", "settings", "--storage", text)
    assert text in settings.out


def test_the_next_step_finds_the_storage_that_was_given(xenograft: Command, tmp_path: Path) -> None:
    said = xenograft("plan", TOY, "--storage", "with space")
    assert said.out.splitlines()[-1] == (
        f"next: xenograft run {TOY} --storage '{tmp_path / 'with space'}'"
    )


def test_waiting_people_do_not_wait_for_torch(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['xenograft', *sys.argv[1:]]\n"
        "from orchestrator.cli import app\n"
        "try: app()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'torch', 'ray', 'mlflow', 'optuna', 'transformers', 'timm'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    for arguments in (["--help"], ["ls"], ["ls", "data"], ["plan", "demo"]):
        command = [sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (arguments, done.stderr)


def test_help_costs_little(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "orchestrator.cli", "--help"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)  # compiles bytecode
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    # Meant to stay below 0.3 s; twice that leaves room for a busy machine.
    assert used_s < 0.6


def test_many_cells_left_out_for_one_reason_are_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    few = {"a/x=1": "no data", "b/x=1": "no data"}
    print_left_out({**few, **{f"c/x={i}": "too small" for i in range(5)}})
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "left out a/x=1, b/x=1: no data",
        "left out 5 cells of c: too small",
    ]
