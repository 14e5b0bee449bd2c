"""docs/on-call.md says what the code does."""

import re
from datetime import date
from pathlib import Path

import pytest

from chamiperf_ci.cli import COMMANDS
from chamiperf_ci.commands.confirm import confirm
from chamiperf_ci.commands.load import load
from chamiperf_ci.commands.lock import show
from chamiperf_ci.commands.seed import seed
from chamiperf_ci.models.history import Alert, AlertLine
from chamiperf_ci.models.vocabulary import RowReason, RunReason
from chamiperf_ci.render.alerts import SCHEDULE_STATES, issue, title

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "on-call.md").read_text(encoding="utf-8")
HEADINGS = [line.removeprefix("## ") for line in PAGE.splitlines() if line.startswith("## ")]
KNOWN = {str(reason) for reason in (*RunReason, *RowReason)} | set(SCHEDULE_STATES)
OF_NIGHTS = ("no verdict", "missing", "none", "damaged", "from the future", "invalid target")
KNOWN |= set(OF_NIGHTS)


def alert(what="regression"):
    day = date(2026, 3, 14)
    return Alert(since=day, last=day, lines=(AlertLine(name="bootscript p99", what=what, says="slower", since=day),))


@pytest.mark.parametrize("topic", ["boot_storm", ""])
def test_an_issue_links_to_a_heading(topic):
    text = issue("lab", topic, alert(), project_url="https://example.org/blob/v1")
    anchor = re.search(r"docs/on-call\.md#([a-z-]+)", text)[1]
    assert anchor in [heading.lower().replace(" ", "-") for heading in HEADINGS]


def test_the_titles_it_names_are_those_of_the_issues():
    assert title("ENVIRONMENT", "SCENARIO", alert()).startswith("ENVIRONMENT: SCENARIO got worse (")
    assert title("ENVIRONMENT", "SCENARIO", alert("target missed")).startswith("ENVIRONMENT: SCENARIO target missed (")
    assert title("ENVIRONMENT", "", alert()) in PAGE


def test_every_reason_it_explains_exists():
    rows = re.findall(r"^- (`[^→]+): [^`→]*→", PAGE, re.MULTILINE)
    named = {word for row in rows for word in re.findall("`([^`]+)`", row)}
    assert named
    assert named <= KNOWN


@pytest.mark.parametrize("reason", [*RunReason, *SCHEDULE_STATES, *OF_NIGHTS])
def test_every_reason_of_a_night_that_does_not_measure_is_explained(reason):
    cards = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
    assert f"`{reason}`" in PAGE or f"\n### {reason}\n" in cards


@pytest.mark.parametrize("block", re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
def test_what_is_measured_again_is_seeded_before_and_removed_after(block):
    commands = [re.match("chamiperf ([a-z]+)", line)[1] for line in block.splitlines()]
    assert (commands[0], commands[-1]) == ("seed", "seed")
    assert "--remove" in block.splitlines()[-1]


def test_every_option_it_names_exists():
    known = {name for command in (confirm, load, seed, show) for param in command.params for name in param.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z0-9][a-z0-9-]*", PAGE))
    assert named
    assert named <= known | {"--fail-on"}


def test_every_command_it_shows_exists():
    assert set(re.findall(r"chamiperf ([a-z-]+)(?= )", PAGE)) <= set(COMMANDS)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", PAGE))
def test_a_link_leads_somewhere(target):
    assert (ROOT / "docs" / target).exists()
