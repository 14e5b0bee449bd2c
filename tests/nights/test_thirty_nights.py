"""Thirty nights on the stand-in of GitHub's API, with an injected clock: who is told what, and when, as a golden log.

Each night is measured runs made by arithmetic and judged by the real `compare`; at noon a push to main looks whether
nights are missing. `UPDATE_GOLDEN=1` writes the log anew; its diff is to be read night by night.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import github_standin
import golden
import pytest
from made_runs import FIRST_NIGHT, accepting, made_run, shipped_baselines

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.github.api import connect
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.models.run import RunKind, RunProblem
from chamiperf_ci.models.target import Identity
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps import history
from chamiperf_ci.steps.alerts import decide
from chamiperf_ci.steps.compare.judge import NightInput, judge

GOLDEN = Path(__file__).with_name("thirty-nights.txt")
SCENARIOS = {"boot_storm": "bootscript", "auth_under_load": "token"}
BEFORE = 5
"""Nights that were accepted as the baseline, before the thirty."""

OLD, SLOW, FIXED = "1a2b3c4", "9f8e7d6", "3c4d5e6"

NOISY = {4, 5}
REGRESSED = range(7, 12)
INVALID = range(14, 21)
NO_VERDICT = {17}
MISSING = {22, 23, 24, 27}
SCHEDULE_OFF = range(26, 29)
GITHUB_AWAY = {9, 12}


def nightly(scenario, number, *, factor=1.0, **changes):
    """One scenario's run of a night."""
    commit = SLOW if number - BEFORE in REGRESSED else FIXED if number - BEFORE >= REGRESSED.stop else OLD
    built = (Identity(service="bss", commit=commit), Identity(service="smd", version="2.1.0"))
    return made_run(
        number, noise=0.02, scenario=scenario, endpoints=(SCENARIOS[scenario],), factor=factor,
        **({"identities": built} | changes),
    )  # fmt: skip


ACCEPTED = shipped_baselines()
for name in SCENARIOS:
    ACCEPTED = accepting(ACCEPTED, [nightly(name, number) for number in range(BEFORE)])


def measured(night):
    """The runs of a night: both scenarios, and the repeats where a slow-down was confirmed."""
    number = night + BEFORE
    slow = 1.4 if night in NOISY or night in REGRESSED else 1.0
    saturated = {"problems": (RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %"),)}
    storm = nightly("boot_storm", number, factor=slow, **(saturated if night in INVALID else {}))
    runs = [storm, nightly("auth_under_load", number)]
    for repeat in range(2 if night in REGRESSED else 0):
        start = storm.ended_at + timedelta(minutes=20 + 40 * repeat)
        times = {"started_at": start, "ended_at": start + timedelta(minutes=15)}
        again = {"run_kind": RunKind.REPEAT, "identities": storm.identities, **times}
        runs.append(nightly("boot_storm", 1000 + 10 * number + repeat, factor=slow, **again))
    return runs


@dataclass
class Hook:
    """A chat and a heartbeat that note what arrives."""

    heard: list = field(default_factory=list)

    def post(self, text):
        """Take a message."""
        self.heard.append("  chat: " + text.replace("\n", "\n        "))

    def ping(self):
        """Take a heartbeat."""
        self.heard.append("  heartbeat")


@dataclass
class Nights:
    """The repository, its history and everybody who listens."""

    hub: github_standin.StandIn
    folder: Path
    log: list = field(default_factory=list)

    def look(self, now, what, **asked):
        """One call of `alert`; notes every write, message and failure."""
        hook, already = Hook(), len(self.hub.log)
        api = connect("token", api_url=self.hub.base_url, seconds_between_writes=0, sleep=lambda _: None)
        channels = decide.Channels(
            say=lambda _: None,
            tracker=decide.Tracker(api, self.hub.repository, "chamiperf-alert"),
            webhook=hook,
            heartbeat=hook,
        )
        history_, link = FolderHistory(self.folder / "history"), f"https://github.test/runs/{now:%m%d}"
        asked = {"history": history_, "schedule": "nightly.yml", "link": "" if asked.get("watch") else link} | asked
        (night,), told = decide.alert(decide.AlertOptions(now=now, **asked), channels)
        said = [*map(_line, (each for each in self.hub.log[already:] if each.verb != "GET")), *hook.heard]
        said += [f"  NOT DELIVERED, exit code 4: {problem}" for problem in told.undelivered]
        if said or not asked.get("watch"):
            self.log += [f"{now:%Y-%m-%d %H:%M} {what}: {night.sentence}", *said]

    def night(self, number):
        """One night and the push at noon."""
        began = FIRST_NIGHT + timedelta(days=number + BEFORE)
        self.hub.workflows["nightly.yml"] = "disabled_inactivity" if number in SCHEDULE_OFF else "active"
        if number in GITHUB_AWAY:
            self.hub.fail("GET", "/user$", 503, times=4)
            self.hub.fail("GET", "/workflows/", 503, times=4)
        if number in NO_VERDICT:
            self.look(began, "night", environment="lab", without_verdict="smoke ended with exit code 1")
        elif number not in MISSING:
            runs = measured(number)
            store = FolderHistory(self.folder / "history")
            past = history.past_of(history.read(store).entries)
            verdict = judge(NightInput(runs=runs, baselines=ACCEPTED, past=past)).verdict
            files.write_document(self.folder / "verdict.json", verdict)
            self.look(began + timedelta(hours=2), f"night {verdict.outcome.word}", verdict=self.folder / "verdict.json")
            history.add(store, [run for run in runs if run.run_kind is RunKind.NIGHT], verdict)
        noon = datetime(began.year, began.month, began.day, 12, tzinfo=UTC)
        self.look(noon, "push", watch=True)


def _line(asked):
    body = asked.body
    what = body.get("title") or body.get("state") or body.get("body")
    done = f" {body['state']}" if "state" in body and "title" in body else ""
    return f"  {asked.verb} {asked.path.removeprefix('/repos/octo/stack')}{done}: {what}"


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """All thirty."""
    hub = github_standin.StandIn()
    told = Nights(hub, tmp_path_factory.mktemp("nights"))
    with github_standin.intercept(hub):
        for number in range(30):
            told.night(number)
    assert hub.checked == []
    return told


def test_everything_that_was_told_is_what_was_expected(nights):
    golden.check(GOLDEN, "\n".join(nights.log) + "\n")


def test_no_issue_is_open_in_the_end(nights):
    assert {issue["state"] for issue in nights.hub.issues} == {"closed"}


def test_each_trouble_had_one_issue(nights):
    assert [issue["title"].partition(" (")[0] for issue in nights.hub.issues] == [
        "lab: boot_storm got worse",
        "lab: the nights are not measuring",
        "lab: the nights are not measuring",
        "lab: the nights are not measuring",
    ]


def test_the_suspect_range_names_only_the_service_that_changed(nights):
    text = nights.hub.issues[0]["body"]
    assert "- Changed since the last good night (2026-03-13):\n- bss: 1a2b3c4 to 9f8e7d6\n\n" in text
    assert "smd" not in text.partition("What changed")[2]
