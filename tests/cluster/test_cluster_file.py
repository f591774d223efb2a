"""Cluster files: every example is valid, and what is wrong is named."""

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.launcher import launcher_of, study_command
from cluster.spec import KINDS, ClusterSpec, Hosts, load_spec
from trainables.errors import ConfigError

EXAMPLES = Path(__file__).parents[2] / "cluster" / "examples"


def example(kind: str) -> ClusterSpec:
    return load_spec(EXAMPLES / f"{kind}.toml")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_example_that_can_be_rendered(kind: str) -> None:
    spec = example(kind)
    assert spec.kind == kind
    files = launcher_of(spec).files()
    assert files
    assert all(text.strip() for text in files.values())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "lab"', 'name = "My Lab"'), "name 'My Lab'"),
        (('kind = "hosts"', 'kind = "host"'), "kind"),
        (('"/shared/xenograft"', '"runs"'), "storage = 'runs'"),
        (('"/shared/xenograft"', '"/shared/my runs"'), "storage"),
        (("[hosts]", "[host]"), "has no key 'host'.*hosts"),
        (
            ("[hosts]", "[slurm]\nnodes = 1\ncpus_per_node = 1\n[hosts]"),
            r"\[slurm\] is not of kind",
        ),
        (('workers = ["gpu2.lab"', 'workers = ["gpu1.lab"'), "host 'gpu1.lab' is listed twice"),
        (("head = ", "heads = "), "has no key 'heads'"),
        (('head = "gpu1.lab"', "head = 3"), "Hosts.head"),
        (("[hosts]", "[hosts"), "hosts.toml"),
        (('name = "lab"', ""), "ClusterSpec needs name"),
        (('head = "gpu1.lab"', ""), "Hosts needs head"),
        (('head = "gpu1.lab"', 'head = "gpu1 lab"'), "got 'gpu1 lab'"),
        (('workers = ["gpu2.lab"', 'workers = [""'), "got ''"),
        (("[hosts]", "[hosts]\nport = 0"), "hosts.port must be >= 1"),
        (("[hosts]", "[hosts]\ndashboard_port = 70000"), "<= 65535"),
        (("[hosts]", "[hosts]\ncpus = -1"), "hosts.cpus must be >= 0"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(
    change: tuple[str, str], said: str, tmp_path: Path
) -> None:
    text = (EXAMPLES / "hosts.toml").read_text()
    assert change[0] in text
    path = tmp_path / "hosts.toml"
    path.write_text(text.replace(*change, 1))
    with pytest.raises(ConfigError, match=said) as caught:
        load_spec(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("aws", "disk_gib", 0),
        ("gcp", "idle_minutes", -1),
        ("kubernetes", "worker_cpus", 0),
        ("kubernetes", "worker_gpus", -1),
        ("kubernetes", "namespace", "My Space"),
        ("slurm", "memory_gib", -1),
        ("slurm", "account", "mine\n#SBATCH --nice=0"),
    ],
)
def test_what_no_cluster_can_have_is_refused(kind: str, key: str, value: object) -> None:
    spec = example(kind)
    table = spec.cloud or spec.kubernetes or spec.slurm
    assert table is not None
    with pytest.raises(ConfigError, match=key):
        replace(table, **{key: value})  # type: ignore[arg-type]  # of each case its own


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="xenograft cluster example"):
        load_spec(tmp_path / "none.toml")


def test_a_password_in_the_tracking_uri_is_refused(tmp_path: Path) -> None:
    text = (EXAMPLES / "hosts.toml").read_text()
    path = tmp_path / "a.toml"
    path.write_text(text.replace("[hosts]", 'tracking_uri = "http://me:pw@mlflow:5000"\n[hosts]'))
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_PASSWORD"):
        load_spec(path)


def test_a_table_of_another_kind_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"\[slurm\] is missing"):
        ClusterSpec(name="a", kind="slurm", storage="/s", environment="/e")
    with pytest.raises(ConfigError, match=r"\[slurm\] is missing|\[hosts\] is not"):
        ClusterSpec(
            name="a", kind="slurm", storage="/s", environment="/e", hosts=Hosts(head="here")
        )


def test_the_command_of_a_study_says_where_things_are() -> None:
    command = study_command(example("aws"), ["demo", "--twin"], "auto")
    assert command[:4] == ["/opt/xenograft/bin/xenograft", "run", "demo", "--twin"]
    rest = dict(zip(command[4::2], command[5::2], strict=True))
    assert rest == {"--address": "auto", "--storage": "/mnt/xenograft", "--max-nodes": "8"}


@pytest.mark.parametrize(
    "arguments", [[], ["--twin"], ["demo", "--storage", "/x"], ["demo", "--address=auto"]]
)
def test_a_submission_names_a_study_and_leaves_places_to_the_file(arguments: list[str]) -> None:
    with pytest.raises(ConfigError):
        study_command(example("hosts"), arguments, "auto")
