"""A load that is refused leaves no older run of its scenarios to be judged in its place; a look at it leaves all."""

from pathlib import Path

import pytest

from chamiperf_ci.cli import cli, run
from chamiperf_ci.steps.load.shards import shard_file

KEPT = "inventory_scale"
REFUSED = {
    "a value that is no number": ["--vus", "x"],
    "a number out of range": ["--vus", "0"],
    "no such option": ["--no-such"],
    "no such option, with a value": ["--no-such", "7"],
    "an option without its value": ["--vus"],
    "another's value left out": ["--vus", "--out", "here"],
    "an argument": ["surplus"],
    "a scenario misspelt": ["--scenario", "boot_strom"],
    "a parameter that is none": ["--set", "x"],
    "no such profile": ["--profile", "nosuch"],
    "no such target": ["--target", "nosuch"],
    "a secret that is not there": ["--token-file", "nosuch"],
    "pairs that are no number, and a run besides": ["--kind", "nosuch"],
    "a flag with a value": ["--many-objects=maybe"],
    "two dashes": ["--", "--vus", "3"],
    "half a character": ["--target", "\udcff"],
}
VARIABLES = {
    "CHAMIPERF_IN_LOAD_VUS": "x",
    "CHAMIPERF_IN_LOAD_HERD": "maybe",
    "CHAMIPERF_WITHOUT": "nosuch",
    "CHAMIPERF_CREDENTIAL": "nosuch",
    "CHAMICORE_TEST_SMD_URL": "http://a..b",
    "CHAMIPERF_TARGET": "nosuch",
    "GITHUB_OUTPUT": "/dev/full",
}


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Older runs in `here/runs`: of boot_storm, with a repeat, and of another scenario."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAMIPERF_OUT", "here")
    folder = tmp_path / "here" / "runs"
    folder.mkdir(parents=True)
    for name in ("boot_storm", "boot_storm.repeat-1", KEPT):
        (folder / f"{name}.json").write_text("an older run", encoding="utf-8")
    return folder


def load(*arguments):
    with pytest.raises(SystemExit) as ended:
        run(cli, ["load", *arguments], prog_name="chamiperf")
    return ended.value.code


def left(folder):
    return sorted(path.name.removesuffix(".json") for path in folder.iterdir())


@pytest.mark.parametrize("why", REFUSED)
def test_a_load_that_is_refused_leaves_no_older_run(why, runs):
    code = load(*REFUSED[why])
    assert (code, left(runs)) == (2, [KEPT])


@pytest.mark.parametrize("name", VARIABLES)
def test_nor_does_one_that_a_variable_spoils(name, runs, monkeypatch):
    monkeypatch.setenv(name, VARIABLES[name])
    code = load()
    assert (code, left(runs)) == (2, [KEPT])


@pytest.mark.parametrize("content", ["[", "targets = 3", "\udcff"])
def test_nor_does_one_that_chamiperf_toml_spoils(content, runs):
    Path("chamiperf.toml").write_text(content, encoding="utf-8", errors="surrogateescape")
    assert (load("--target", "t"), left(runs)) == (2, [KEPT])


def test_the_folder_is_the_one_that_was_typed_wherever_the_mistake_stands(runs, monkeypatch):
    monkeypatch.delenv("CHAMIPERF_OUT")
    assert (load("--vus", "x", "--out=here", "--scenario", "all"), left(runs)) == (2, [])


def test_the_folder_may_come_by_the_inputs_of_an_action(runs, monkeypatch):
    monkeypatch.delenv("CHAMIPERF_OUT")
    monkeypatch.setenv("CHAMIPERF_IN_LOAD_OUT", "here")
    assert (load("--vus", "x"), left(runs)) == (2, [KEPT])


def test_pairs_that_are_refused_leave_no_older_pair(runs):
    (runs / "boot_storm.pair-1.old.json").write_text("an older run", encoding="utf-8")
    assert load("--pairs", "2", "--vus", "x") == 2
    assert left(runs) == ["boot_storm", "boot_storm.repeat-1", KEPT]


@pytest.mark.usefixtures("runs")
def test_a_share_that_is_refused_leaves_no_older_one():
    share = shard_file(Path("here"), "boot_storm", 1, 3)
    share.parent.mkdir(parents=True, exist_ok=True)
    share.write_text("an older share", encoding="utf-8")
    assert load("--shard", "2/3", "--vus", "x") == 2
    assert not share.exists()


@pytest.mark.parametrize(
    "look", [["--help"], ["--vus", "x", "--help"], ["--dry-run"], ["--dry-run", "--vus", "x"], ["-h", "--no-such"]]
)
def test_who_only_looks_removes_nothing(look, runs):
    load(*look)
    assert left(runs) == ["boot_storm", "boot_storm.repeat-1", KEPT]


def test_a_name_with_a_path_in_it_removes_nothing_elsewhere(runs):
    (runs.parent / "boot_storm.json").write_text("of nobody's", encoding="utf-8")
    assert load("--scenario", "../boot_storm") == 2
    assert (runs.parent / "boot_storm.json").exists()


@pytest.mark.parametrize("arguments", [["--no-such"], ["shards", "--json"], ["shards", "nothing"], []])
def test_a_merge_that_is_refused_leaves_no_older_run_of_what_was_to_be_merged(arguments, runs):
    for folder in (Path("shards"), runs.parent / "shards"):
        share = shard_file(folder.parent, "boot_storm", 0, 2)
        share.parent.mkdir(exist_ok=True)
        share.write_text("half a share", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        run(cli, ["merge", *arguments], prog_name="chamiperf")
    assert (ended.value.code, left(runs)) == (2, [KEPT])


def test_a_merge_of_nothing_says_nothing_of_any_scenario(runs):
    with pytest.raises(SystemExit) as ended:
        run(cli, ["merge"], prog_name="chamiperf")
    assert (ended.value.code, left(runs)) == (2, ["boot_storm", "boot_storm.repeat-1", KEPT])


@pytest.mark.parametrize("wrong", [["--runners", "x"], ["--name", "N N"], []])
def test_a_load_on_a_cluster_that_is_refused_leaves_no_older_run(wrong, runs):
    with pytest.raises(SystemExit) as ended:
        run(cli, ["k8s", "run", *wrong], prog_name="chamiperf")
    assert (ended.value.code, left(runs)) == (2, [KEPT])
