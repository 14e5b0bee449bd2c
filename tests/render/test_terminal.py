"""A verdict on a terminal or in a pipe: one screen, nothing broken, the finding last."""

import re
import sys
from itertools import pairwise

import pytest
from made_verdicts import everything, made_row, made_scenario, made_verdict
from rich.cells import cell_len
from said import night_said
from test_escaping import HOSTILE
from test_states import STATES

from chamiperf_ci.models.run import RunProblem
from chamiperf_ci.models.verdict import Fact, StatementChange
from chamiperf_ci.models.vocabulary import FactWord, RowReason, RowVerdict, RunReason
from chamiperf_ci.render.terminal import shown

SCREEN = 40
WIDTHS = (80, 160)


@pytest.fixture(autouse=True)
def _a_pipe_of_no_taste(monkeypatch):
    """What may stand in the environment of whoever runs the tests."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def printed(verdict, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    return shown(verdict, "brief")


def a_terminal(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)


def holds_to(text, width):
    lines = text.splitlines()
    assert len(lines) <= SCREEN
    assert [line for line in lines if cell_len(line) > width] == []


def unbroken(text):
    return " ".join(text.split())


def last_paragraph(text):
    return " ".join(text.split("\n\n")[-1].split())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("state", STATES)
def test_each_state_is_one_screen_that_ends_in_its_sentence(state, width, monkeypatch):
    verdict = STATES[state]()
    text = printed(verdict, width, monkeypatch)
    holds_to(text, width)
    assert "\x1b" not in text
    assert last_paragraph(text) == " ".join(night_said(verdict).split())


@pytest.mark.parametrize("width", [80, 100])
def test_a_sentence_is_broken_between_words_and_only_where_it_must_be(width, monkeypatch):
    lines = printed(STATES["regression"](), width, monkeypatch).split("\n\n")[-1].splitlines()
    assert len(lines) > 1
    assert all(cell_len(f"{line} {following.split()[0]}") > width for line, following in pairwise(lines))


def header(text):
    return next(line.split() for line in text.splitlines() if "metric" in line)


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (160, ["metric", "baseline", "now", "change", "target"]),
        (75, ["metric", "baseline", "now", "change"]),
        (60, ["metric", "now", "change"]),
    ],
)
def test_columns_give_way_the_target_first_then_the_baseline(width, columns, monkeypatch):
    text = printed(STATES["regression"](), width, monkeypatch)
    assert header(text) == columns
    assert "…p50" not in text
    holds_to(text, width)


def test_a_name_too_long_loses_its_middle_and_keeps_what_it_measures(monkeypatch):
    row = made_row(RowVerdict.REGRESSION, RowReason.SLOWER_IN_ALL_RUNS, endpoint="GET " + "/long" * 10, metric="p99")
    text = printed(made_verdict((row,)), 80, monkeypatch)
    assert re.search(r"GET /long\S*… p99 ", text)
    holds_to(text, 80)


def test_every_row_that_decides_is_named_or_counted(monkeypatch):
    rows = tuple(
        made_row(RowVerdict.REGRESSION, RowReason.SLOWER_IN_ALL_RUNS, endpoint=f"endpoint{number}", metric="p99")
        for number in range(60)
    )
    text = printed(made_verdict(rows), 80, monkeypatch)
    named = len(re.findall(r"^slower ", text, re.MULTILINE))
    counted = re.search(r"^(\d+) others slower", text, re.MULTILINE)
    assert named + int(counted[1]) == 60
    holds_to(text, 80)


def test_rows_give_way_to_warnings_and_a_long_sentence(monkeypatch):
    rows = tuple(
        made_row(verdict, reason, endpoint=f"{verdict}{number}", metric="p99")
        for number in range(30)
        for verdict, reason in (
            (RowVerdict.REGRESSION, RowReason.SLOWER_IN_ALL_RUNS),
            (RowVerdict.INVALID, RowReason.FINGERPRINT_MISMATCH),
        )
    )
    problem = RunProblem(reason=RunReason.INCOMPLETE, text="cut")
    scenarios = tuple(
        made_scenario(scenario=f"scenario_{number}_{'x' * 60}", valid=False, problems=(problem,))
        for number in range(30)
    )
    warnings = tuple(warning(f"number {number}") for number in range(8))
    verdict = made_verdict(rows, scenarios=scenarios, warnings=warnings, word="invalid", nothing_judged=True)
    text = printed(verdict, 80, monkeypatch)
    assert text.endswith("\n… the rest: --all")
    assert "Warning: " in text
    assert len(text.splitlines()) == SCREEN


def warning(text):
    return Fact(word=FactWord.RUN_WARNING, values={"text": text})


def test_five_warnings_are_one_line_each_and_the_others_are_counted(monkeypatch):
    facts = tuple(warning(f"number {number} {'word ' * 30}") for number in range(8))
    text = printed(made_verdict((made_row(),), warnings=facts), 80, monkeypatch)
    warned = [line for line in text.splitlines() if line.startswith("Warning: ")]
    assert len(warned) == 5
    assert all(line.endswith("word …") for line in warned)
    assert "\n3 more: --all\n" in text
    holds_to(text, 80)


def test_a_warning_of_all_scenarios_is_said_once_and_that_of_one_with_its_name(monkeypatch):
    scenarios = tuple(
        made_scenario(scenario=name, warnings=(warning("same"), *([warning("mine")] if name == "one" else [])))
        for name in ("one", "two")
    )
    text = printed(made_verdict((made_row(),), scenarios=scenarios), 160, monkeypatch)
    assert text.count("same") == 1
    assert re.search(r"^Warning: one: .*mine", text, re.MULTILINE)


@pytest.mark.parametrize("width", [*WIDTHS, 1, 10_000])
@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("times", [1, 40])
def test_a_hostile_name_steers_no_terminal_and_breaks_no_screen(name, width, times, monkeypatch):
    name *= times
    rows = tuple(
        made_row(verdict, reason, scenario=name, endpoint=name, metric=f"{name} p99", detail=name)
        for verdict, reason in (
            (RowVerdict.REGRESSION, RowReason.SLOWER_IN_ALL_RUNS),
            (RowVerdict.INVALID, RowReason.FINGERPRINT_MISMATCH),
        )
    )
    problem = RunProblem(reason=RunReason.INCOMPLETE, text=name)
    scenarios = tuple(
        made_scenario(scenario=f"{place}{name}", valid=False, problems=(problem,), warnings=(warning(name),))
        for place in range(30)
    )
    text = printed(made_verdict(rows, scenarios=scenarios, warnings=(warning(name),)), width, monkeypatch)
    hidden = re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ue000\ue001\ufeff]", text)
    assert hidden == []
    holds_to(text, min(200, max(40, width)))


def test_markup_of_rich_in_a_name_is_text(monkeypatch):
    row = made_row(RowVerdict.REGRESSION, RowReason.SLOWER_IN_ALL_RUNS, endpoint="[red]x[/red] :boom:", metric="p99")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "[red]x[/red] :boom: p99" in printed(made_verdict((row,)), 160, monkeypatch)


def test_a_terminal_gets_color_unless_it_wants_none(monkeypatch):
    a_terminal(monkeypatch)
    assert "\x1b[31m" in printed(STATES["regression"](), 80, monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in printed(STATES["regression"](), 80, monkeypatch)


def test_a_pipe_gets_color_only_where_it_is_forced(monkeypatch):
    assert "\x1b" not in printed(STATES["regression"](), 80, monkeypatch)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[31m" in printed(STATES["regression"](), 80, monkeypatch)


def test_a_pipe_without_a_width_is_80_columns_wide():
    holds_to(shown(everything(), "brief"), 80)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("state", STATES)
def test_all_has_every_row_in_words_within_the_width_and_ends_in_the_sentence(state, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    verdict = STATES[state]()
    text = shown(verdict, "all")
    assert [line for line in text.splitlines() if cell_len(line) > width] == []
    assert last_paragraph(text) == " ".join(night_said(verdict).split())
    in_words = [line for line in text.split("Row by row")[1].split("\n\n")[0].splitlines() if line.startswith("- ")]
    assert len(in_words) == sum(row.compared or bool(row.notes) for row in verdict.rows)


def test_verbose_adds_the_circumstances_and_what_the_words_mean():
    verdict = STATES["regression"]()
    assert "slower-in-all-runs" not in shown(verdict, "all").split("\n")[0]
    text = shown(verdict, "verbose")
    assert "\nUnder which circumstances\n" in text
    assert "\n- slower-in-all-runs: " in text
    assert shown(verdict, "all").count("\n") < text.count("\n")


def test_the_sentence_alone_is_one_line():
    verdict = everything()
    assert shown(verdict, "sentence") == night_said(verdict)


def slower(**changes):
    """A statement that lost its index."""
    return StatementChange(
        **{
            "scenario": "boot_storm",
            "fingerprint": "0" * 16,
            "text": "SELECT * FROM nodes WHERE boot_mac = $1",
            "role": "bss",
            "database": "bssdb",
            "before_ms": 0.24,
            "now_ms": 2.4,
            "factor": 10.0,
            "calls": 6000,
            "total_ms": 14400.0,
            **changes,
        }
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_statements_that_became_slower_are_named_with_their_factor(width, monkeypatch):
    verdict = everything().model_copy(update={"statements": tuple(slower(factor=12.0 - each) for each in range(5))})
    text = printed(verdict, width, monkeypatch)
    holds_to(text, width)
    assert "Statement 12.0 times as long (0.240 → 2.40 ms) in boot_storm, bss: “SELECT" in text
    assert "2 more statements: --all" in text
    assert unbroken(shown(verdict, "all")).count("times as long") == 5
    assert unbroken(shown(verdict, "all")).count("bss: “SELECT * FROM nodes WHERE boot_mac = $1”") == 5


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_statement_is_one_line_of_data(hostile, monkeypatch):
    verdict = everything().model_copy(update={"statements": (slower(text=hostile, role=hostile, scenario=hostile),)})
    holds_to(printed(verdict, 80, monkeypatch), 80)
    assert "times as long" in unbroken(shown(verdict, "all"))
