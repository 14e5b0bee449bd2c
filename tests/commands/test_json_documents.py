"""`--format json`: every command takes it, and then standard output is one JSON document and nothing else."""

import json
import shutil
from pathlib import Path

import click
import github_standin
import pytest
from command_line import command
from made_runs import made_run
from made_verdicts import made_row, made_verdict

from chamiperf_ci.__main__ import main
from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.cli import COMMANDS, cli
from chamiperf_ci.steps import history

ROOT = Path(__file__).parent.parent.parent
NIGHTS = ("--history", "history")
RUNS = ("--runs", "runs")
GATEWAY = ("--gateway", "http://127.0.0.1:1")
SHORT = ("--profile", "demo", "--vus", "20", "--ramp-up", "1s", "--sustained", "5s", "--spike", "0", "--settle", "0.2s")

HERE = {
    "init": ("init", "--toolkit", "octo/chamiperf-ci@0123456789abcdef0123456789abcdef01234567"),
    "compare": ("compare", "--runs", "runs/0.json"),
    "report": ("report",),
    "comment": ("comment", "--dry-run", "--pull-request", "7"),
    "alert": ("alert", "--dry-run", "--label", "perf"),
    "baselines check": ("baselines", "check", "--base", "baselines.json"),
    "baselines init": ("baselines", "init", *RUNS, "--link", "https://github.com/octo/stack/issues/1"),
    "baselines propose-first": ("baselines", "propose-first", *NIGHTS, "--environment", "lab"),
    "baselines format": ("baselines", "format"),
    "baselines import": ("baselines", "import", "--from", "theirs.json"),
    "update-baseline propose": ("update-baseline", "propose", *RUNS, "--reason", "as it is"),
    "update-baseline apply": ("update-baseline", "apply", "--patch", "patch.json"),
    "update-baseline retire": ("update-baseline", "retire", "--key", "none"),
    "update-baseline pull-request": (
        "update-baseline", "pull-request", *RUNS, "--reason", "as it is", "--repository", "octo/stack", "--dry-run",
    ),
    "history add": ("history", "add", *RUNS, *NIGHTS),
    "history list": ("history", "list", *NIGHTS),
    "history show": ("history", "show", "--run", "boot0001", *NIGHTS),
    "history export": ("history", "export", *NIGHTS),
    "history trend": ("history", "trend", *NIGHTS),
    "history site": ("history", "site", "--output", "site", *NIGHTS),
    "doctor": ("doctor", "--scenario", "boot_storm"),
    "load": ("load", "--dry-run", *GATEWAY),
    "stack fault list": ("stack", "fault", "list"),
}  # fmt: skip
"""What runs here, in this process, without a stack."""
UP = {
    "stack up": ("stack", "up", "--ports", "ephemeral", "--without", "discovery"),
    "stack restart": ("stack", "restart"),
    "stack status": ("stack", "status"),
    "stack fault set": ("stack", "fault", "set", "--service", "bss", "--latency-ms", "1"),
    "stack fault list": ("stack", "fault", "list"),
    "stack fault show": ("stack", "fault", "show"),
    "stack fault clear": ("stack", "fault", "clear"),
}
DOWN = {"stack down": ("stack", "down")}
STACK = {
    "wait": ("wait",),
    "seed": ("seed", "--nodes", "200", "--allow-dhcp"),
    "smoke": ("smoke",),
    "lock acquire": ("lock", "acquire", "--lock-run", "one"),
    "lock show": ("lock", "show"),
    "lock release": ("lock", "release", "--lock-run", "one"),
    "load": ("load", *SHORT),
    "confirm": ("confirm", "--max-scenarios", "0"),
    "doctor": ("doctor",),
}
"""What runs on an embedded stack, in this order; `UP` comes before it and `DOWN` after."""
ELSEWHERE = {"demo", "drill", "merge", "k8s render", "k8s run", "k8s collect"}
"""Shown where there is what they need: tests/test_demo.py, tests/steps/drill, tests/commands/test_shard_commands.py,
tests/steps/k8s."""
REFUSED = {"update-baseline retire", "stack fault list"}
"""There is nothing here to do it on: standard output stays empty."""


def leaves(group=cli, path=()):
    """Every command that does something, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from leaves(found, (*path, name))
        else:
            yield " ".join((*path, name)), found


@pytest.mark.parametrize(("name", "found"), list(leaves()), ids=[name for name, _ in leaves()])
def test_every_command_takes_the_option(name, found):
    options = {word: option for option in found.params for word in option.opts}
    assert "json" in options["--format"].type.choices, name


def test_no_command_is_left_out_here():
    assert {name for name, _ in leaves()} == HERE.keys() | UP.keys() | STACK.keys() | DOWN.keys() | ELSEWHERE
    assert {name.split()[0] for name, _ in leaves()} == COMMANDS.keys()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A checkout with what the commands read: runs, a verdict, a history, Chamicore's own targets."""
    shutil.copy(ROOT / "baselines.json", tmp_path)
    runs = [made_run(number) for number in range(3)]
    for number, run in enumerate(runs):
        write_document(tmp_path / "runs" / f"{number}.json", run)
    history.add(FolderHistory(tmp_path / "history"), runs)
    (tmp_path / ".git").mkdir()
    write_document(tmp_path / "out" / "verdict.json", made_verdict((made_row(),)))
    (tmp_path / "theirs.json").write_text(json.dumps({"boot_storm": {"http_req_duration_p50_ms": 9}}))
    (tmp_path / "patch.json").write_text("[]")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAMIPERF_STATE_DIR", str(tmp_path / "no-stack"))
    monkeypatch.setenv("GITHUB_TOKEN", "token")
    with github_standin.serve(github_standin.StandIn(workflows={"nightly.yml": "active"})) as hub:
        hub.add_pull(7)
        monkeypatch.setenv("GITHUB_REPOSITORY", hub.repository)
        monkeypatch.setenv("GITHUB_API_URL", hub.base_url)
        yield tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", HERE)
def test_standard_output_is_one_document(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*HERE[name], "--format", "json"])
    said = capsys.readouterr()
    if name in REFUSED:
        assert (ended.value.code, said.out) == (2, "")
        return
    assert ended.value.code in (0, 1, 3), said.err
    json.loads(said.out)


@pytest.mark.usefixtures("folder")
def test_without_the_option_the_same_commands_print_text(capsys):
    with pytest.raises(SystemExit):
        main(["history", "list", *NIGHTS])
    assert "boot0001" in capsys.readouterr().out


@pytest.mark.e2e
def test_on_a_stack_standard_output_is_one_document(tmp_path):
    shutil.copy(ROOT / "baselines.json", tmp_path)

    def printed(name, arguments, allowed, *more):
        done = command(*arguments, *more, "--format", "json", cwd=tmp_path)
        assert done.returncode in allowed, (name, done.stderr)
        json.loads(done.stdout)

    try:
        for name, arguments in UP.items():
            printed(name, arguments, (0,))
        for name, arguments in STACK.items():
            if name == "confirm":
                command("compare", cwd=tmp_path)
            # Whether a busy machine measured well is not asked here.
            printed(name, arguments, (0, 1, 3), "--target", "embedded")
        for name, arguments in DOWN.items():
            printed(name, arguments, (0,))
    finally:
        command("stack", "down", cwd=tmp_path)
