import html
import re
from pathlib import Path

import golden
import pytest
from made_verdicts import everything, made_row, made_scenario, made_target, made_verdict
from test_escaping import HOSTILE
from test_states import eventful

from chamiperf_ci.models.run import RunProblem
from chamiperf_ci.models.verdict import Change, Fact
from chamiperf_ci.models.vocabulary import Direction, FactWord, RowReason, RowVerdict, RunReason, TargetVerdict
from chamiperf_ci.render.html import page
from chamiperf_ci.render.night import comment_body, summary
from chamiperf_ci.render.numbers import Context
from chamiperf_ci.render.terminal import shown


def warning(text):
    return Fact(word=FactWord.RUN_WARNING, values={"text": text})


GOLDEN = Path(__file__).parent / "golden"
CONTEXT = Context(
    project_url="https://code.example/lab/chamiperf-ci/blob/v1",
    run_url="https://code.example/lab/stack/actions/runs/7",
    artifact="chamiperf-report",
)


def test_the_comment_of_a_night_in_which_everything_happened():
    golden.check(GOLDEN / "comment.md", comment_body(eventful(), context=CONTEXT))


def test_the_summary_of_a_night_in_which_everything_happened():
    golden.check(GOLDEN / "summary.md", summary(eventful(), context=Context()))


def test_the_terminal_of_a_night_in_which_everything_happened():
    golden.check(GOLDEN / "terminal.txt", shown(eventful(), "all"))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_name_neither_breaks_the_table_nor_pings_anyone(name):
    rows = tuple(
        made_row(verdict, reason, endpoint=name, metric=f"{name} p99", detail=name)
        for verdict, reason in (
            (RowVerdict.REGRESSION, RowReason.SLOWER_IN_ALL_RUNS),
            (RowVerdict.INVALID, RowReason.FINGERPRINT_MISMATCH),
        )
    )
    scenario = made_scenario(
        valid=False,
        problems=(RunProblem(reason=RunReason.INCOMPLETE, text=name),),
        warnings=(warning(name),),
        baseline_commits=(name,),
    )
    text = comment_body(made_verdict(rows, scenarios=(scenario,), warnings=(warning(name),)), context=CONTEXT)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {7}
    assert set(re.findall(r"</?[a-z]+", text)) <= {
        f"{slash}{tag}" for slash in ("<", "</") for tag in ("b", "a", "code", "pre", "details", "summary")
    }
    outside_links = re.sub(r'<a href="https://code\.example/[^"]*">', "", text)
    shown = html.unescape(re.sub(r"<[^>]+>", "", outside_links))
    assert not re.search(r"@[a-z0-9]|#[0-9]|gh-[0-9]|://|www\.[a-z]", shown, re.IGNORECASE)


def test_a_link_that_is_none_of_the_web_stays_text():
    assert "javascript" not in comment_body(everything(), context=Context(run_url="javascript:alert(1)"))


def test_links_that_a_fork_wrote_are_not_shown():
    text = comment_body(everything(), context=Context(trusted=False))
    assert "href" not in text
    assert "Acknowledged by <code>ada</code>" in text


def many(count=200):
    rows = tuple(made_row(metric=f"p99 {number}") for number in range(count // 4))
    rest = tuple(
        made_row(RowVerdict.PASS, RowReason.WITHIN_TOLERANCE, metric=f"p50 {number}")
        for number in range(3 * count // 4)
    )
    return made_verdict((*rows, *rest))


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        pytest.param(200_000, "everything", id="everything fits"),
        pytest.param(45_200, "no chart", id="the chart goes first"),
        pytest.param(30_000, "no figures", id="then the table of all figures"),
        pytest.param(4_000, "few rows", id="then all but the gravest ten"),
        pytest.param(1_000, "finding", id="then everything but the finding"),
    ],
)
def test_what_does_not_fit_is_shed_in_order(limit, left):
    text = comment_body(many(), limit=limit, context=CONTEXT)
    rows = text.count(">slower</a>")
    seen = {
        "everything": "xychart-beta" in text,
        "no chart": "xychart-beta" not in text and "All 200 figures" in text,
        "no figures": "All 200 figures" not in text and rows == 20,
        "few rows": rows == 10,
        "finding": rows == 0 and "+21 %" in text,
    }
    assert len(text) <= limit
    assert [name for name, there in seen.items() if there] == [left]


@pytest.mark.parametrize("limit", [1, 50, 300])
def test_the_limit_holds_even_where_the_counts_do_not_fit(limit):
    assert len(comment_body(many(), limit=limit, context=CONTEXT)) <= limit


def test_a_shortened_comment_points_to_the_artifact():
    assert "all is in artifact <code>chamiperf-report</code>" in comment_body(many(), limit=4_500, context=CONTEXT)


def test_the_summary_is_measured_in_bytes():
    """A limit that the text keeps in characters and not in bytes makes it shorter."""
    whole = summary(everything(), context=CONTEXT)
    limit = len(whole) + 10
    assert limit < len(whole.encode())
    assert len(summary(everything(), context=CONTEXT, limit=limit).encode()) <= limit


def test_at_the_limit_counts_as_met_with_a_mark():
    row = made_row(RowVerdict.PASS, RowReason.WITHIN_TOLERANCE, target=made_target(TargetVerdict.AT_THE_LIMIT))
    text = comment_body(made_verdict((row,), word="pass", exit_code=0), context=CONTEXT)
    assert "at the limit" in text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("extreme", [0.0, -1.0, 5e-324, 1e308, -1e308])
@pytest.mark.parametrize("direction", list(Direction))
def test_extreme_numbers_of_a_hostile_verdict_are_rendered_all_the_same(extreme, direction):
    names = ("ratio", "low", "high", "d", "se", "nu", "sigma", "p_worse", "p_better", "detectable")
    row = made_row(
        direction=direction,
        change=Change(**dict.fromkeys(names, extreme)),
        tolerance=extreme,
        baseline=extreme,
        baseline_values=(extreme, 1.0),
        current=extreme,
        current_values=(extreme, 1.0),
        history_values=(extreme, 1.0, 2.0),
        offered=extreme,
        target=made_target(TargetVerdict.MISSED, extreme, limit=extreme, low=extreme, high=extreme),
    )
    verdict = made_verdict((row,))
    assert comment_body(verdict, context=CONTEXT)
    assert page(verdict, context=CONTEXT)
