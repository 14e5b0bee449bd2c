"""What a page shows of a workflow stands in a file that is linted and run; what a message links to is there."""

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from chamiperf_ci.cli import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]
FILES = [*(ROOT / "workflows").glob("*.yml"), *(ROOT / "examples").rglob("*.yml")]
SCRIPTS = sorted(path for path in (ROOT / "examples" / "compose").iterdir() if path.suffix == "")


def stripped(text):
    """Lines without their indentation, so that an excerpt is found wherever it stands."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def is_part_of(excerpt, text):
    """Whether the lines follow one another somewhere in the text."""
    wanted, there = stripped(excerpt), stripped(text)
    return any(there[start : start + len(wanted)] == wanted for start in range(len(there)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_an_example_on_a_page_stands_in_a_file_that_is_linted(page):
    for excerpt in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        parts = re.split(r"(?m)^(?=- name:)", excerpt)
        for part in filter(str.strip, parts):
            assert any(is_part_of(part, file.read_text()) for file in FILES), part


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_on_a_page_leads_somewhere(page):
    assert all((page.parent / picture).is_file() for picture in re.findall(r'<img src="([^"]+)"', page.read_text()))
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]+))?\)", page.read_text()):
        if "://" in target:
            continue
        there = page.parent / target if target else page
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"(?m)^#+ (.*)$", there.read_text())
            assert anchor in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings], anchor


def test_each_page_is_behind_one_of_the_readmes_doors():
    doors = (ROOT / "README.md").read_text().partition("## Status")[2]
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"(docs/{page.name})" not in doors] == []


COMMANDS = [
    pytest.param(line.strip(), id=f"{page.name}: {line.strip()}")
    for page in PAGES
    for block in re.findall(r"(?ms)^ *```sh\n(.*?)^ *```", page.read_text())
    for line in block.splitlines()
    if re.match(r" *(chamiperf|make) ", line)
]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_on_a_page_is_one_that_can_be_run(line):
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text()
        return
    command = cli
    words = words[1:]
    while isinstance(command, click.Group):
        command, words = command.get_command(click.Context(cli), words[0]), words[1:]
        assert command is not None, line
    command.make_context(line, words)


@pytest.mark.parametrize(
    ("row", "options"),
    [
        ("a night of all scenarios at full scale", ["--profile", "full", "--scenario", "all"]),
        ("a labeled pull request, five pairs", ["--profile", "quick", "--pairs", "5", "--against", "old"]),
    ],
)
def test_the_readme_states_the_minutes_that_are_planned(row, options, tmp_path):
    targets = "".join(
        f'[targets.{name}.services]\nbss = "http://127.0.0.1:{port}"\n' for name, port in (("new", 1), ("old", 2))
    )
    (tmp_path / "chamiperf.toml").write_text(targets)
    planned = subprocess.run(
        [sys.executable, "-m", "chamiperf_ci", "load", "--target", "new", "--dry-run", *options],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    minutes = re.search("about (.*) in all", planned.stdout + planned.stderr)[1]
    assert f"| {row} | {minutes}, computed" in (ROOT / "README.md").read_text()


MENTIONED = sorted(
    {
        (page.name, line)
        for page in PAGES
        for line in re.findall(r"(?:`|^\$ |\$\()(chamiperf [a-z][^`\n#)]*)", page.read_text(), re.MULTILINE)
    }
)


@pytest.mark.parametrize(("page", "line"), MENTIONED)
def test_a_command_in_a_sentence_has_the_options_that_it_is_said_to_have(page, line):
    command, words = cli, shlex.split(line)[1:]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command, words = command.get_command(click.Context(cli), words[0]), words[1:]
        assert command is not None, page
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options | {"--help", "--version"}


def test_setup_checks_each_point_of_the_runners_page_and_links_to_it():
    code = ast.parse((ROOT / "actions" / "setup" / "install.py").read_text())
    headings = {
        line.removeprefix("## ").strip().lower().replace(" ", "-")
        for line in (ROOT / "docs" / "runner.md").read_text().splitlines()
        if line.startswith("## ")
    }
    said = {
        call.args[-1].value
        for call in ast.walk(code)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("fail", "warn", "run")
        if call.args and isinstance(call.args[-1], ast.Constant)
    }
    # Whether there is a Python is asked before any can run.
    assert said | {"python"} == headings
    assert "docs/runner.md#python" in (ROOT / "actions" / "run").read_text()


def test_each_page_of_github_names_the_messages_that_the_code_has():
    code = "".join(path.read_text() for path in (ROOT / "chamiperf_ci").rglob("*.py"))
    listed = re.findall(r"(?m)^### `(.+)`$", (ROOT / "docs" / "github.md").read_text())
    assert listed
    for message in listed:
        first = message.split(" ... ")[0].split(" comment on ")[0]
        assert first in re.sub(r'"\s*f?"', "", code), message


@pytest.fixture
def compose(tmp_path):
    """Runs an example's script with a `docker` that only writes down what it was asked."""
    fake = tmp_path / "bin" / "docker"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    fake.chmod(0o755)

    def go(script, *sides):
        environment = {"PATH": f"{fake.parent}:{os.environ['PATH']}", "RUNNER_TEMP": str(tmp_path)}
        ran = subprocess.run(
            [str(ROOT / "examples" / "compose" / script), *sides], env=environment, check=False, capture_output=True,
            text=True, cwd=tmp_path,
        )  # fmt: skip
        asked = tmp_path / "asked"
        return ran.returncode, asked.read_text().splitlines() if asked.exists() else []

    return go


def test_the_example_deploys_a_side_and_waits_for_it(compose):
    code, asked = compose("deploy", "head")
    assert code == 0
    assert asked == [
        "compose --project-name chamiperf-head --project-directory . --file ./compose.yaml up --build --detach --wait"
    ]


def test_the_example_redeploys_from_nothing(compose):
    code, asked = compose("redeploy", "head")
    assert code == 0
    assert asked[0].split(" ")[3:5] == ["down", "--volumes"]
    assert asked[-1].endswith("up --build --detach --wait")


def test_the_example_takes_a_side_down_with_its_volumes(compose):
    code, asked = compose("teardown", "head")
    assert (code, len(asked)) == (0, 1)
    assert "down --volumes" in asked[0]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_an_example_without_a_side_says_what_it_wants(script, compose):
    code, asked = compose(script.name)
    assert code != 0
    assert asked == []
