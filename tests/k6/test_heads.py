"""The table at the head of each script is the one that `load --dry-run` prints. Needs no node."""

import os
import re
import textwrap

import pytest
from k6_runs import SCENARIOS, SCRIPTS
from tabulate import tabulate

from chamiperf_ci.steps.load.plan import COLUMNS, assign, cells
from chamiperf_ci.steps.load.request import LoadOptions, read_profile

PROFILES = ("demo", "quick", "full", "soak")
TABLE = re.compile(r"^//   profile .*\n(?://   .*\n)*", re.MULTILINE)


def in_lines(cell):
    """A cell that leaves a script's line short enough to be read."""
    return textwrap.fill(cell, 62, break_long_words=False, break_on_hyphens=False)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_script_shows_the_plan_of_each_profile(scenario):
    planned = {profile: assign(read_profile(profile), scenario, LoadOptions()) for profile in PROFILES}
    headers = [each.header for each in COLUMNS[1:-1]]
    rows = [("profile", *headers), *((profile, *map(in_lines, cells(each))) for profile, each in planned.items())]
    table = tabulate(rows, tablefmt="plain", disable_numparse=True)
    expected = "".join(f"//   {line}".rstrip() + "\n" for line in table.splitlines())
    script = SCRIPTS / f"{scenario}.js"
    text = script.read_text(encoding="utf-8")
    if os.environ.get("UPDATE_GOLDEN"):
        text = TABLE.sub(expected, text)
        script.write_text(text, encoding="utf-8")
    assert TABLE.findall(text) == [expected], "UPDATE_GOLDEN=1 writes it anew, then: make k6-built"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_is_read_in_one_sitting(scenario):
    assert len((SCRIPTS / f"{scenario}.js").read_text(encoding="utf-8").splitlines()) < 80
