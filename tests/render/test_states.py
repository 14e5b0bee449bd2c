"""Each state of a night as the comment shows it, made from runs that were judged."""

import re
from datetime import timedelta
from pathlib import Path

import golden
import pytest
from made_runs import accepting, made_run, shipped_baselines
from markdown_it import MarkdownIt

from chamiperf_ci.models.run import RunKind, RunProblem
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.render.night import Escaped, comment_body, markdown, prose
from chamiperf_ci.render.numbers import Context
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.steps.history import entry_of, past_of

GOLDEN = Path(__file__).parent / "golden" / "states"
CONTEXT = Context(
    project_url="https://code.example/lab/chamiperf-ci/blob/v1",
    run_url="https://code.example/lab/stack/actions/runs/7",
    report_url="https://pages.example/lab/report.html",
    trend_url="https://pages.example/lab/",
)
SHIPPED = shipped_baselines()
USUAL = [made_run(number, noise=0.02) for number in range(5)]
BASELINES = accepting(SHIPPED, USUAL)
EIGHT = [f"scenario_{number}" for number in range(8)]
SATURATED = RunProblem(
    reason=RunReason.GENERATOR_SATURATED, text="VUs woke 83 ms late", measured={"late_ms": 83.0, "tolerated_ms": 40.0}
)


def night(factor=1.0, **changes):
    return made_run(20, factor=factor, noise=0.02, **changes)


def again(factor, **changes):
    first = night(factor, **changes)
    return [
        night(
            factor,
            run_id=f"again{hours}",
            run_kind=RunKind.REPEAT,
            started_at=first.started_at + timedelta(hours=hours),
            ended_at=first.started_at + timedelta(hours=hours, minutes=15),
            **changes,
        )
        for hours in (1, 2)
    ]


def judged(*runs, baselines=BASELINES, past=None):
    return judge(NightInput(runs=runs, baselines=baselines, past=past)).verdict


def nights_at(factor, numbers):
    return past_of([entry_of(made_run(number, factor=factor, noise=0.02))[1] for number in numbers])


STATES = {
    "pass": lambda: judged(night()),
    "regression": lambda: judged(night(1.66), *again(1.66)),
    "not-confirmed": lambda: judged(night(3.0)),
    "invalid": lambda: judged(night(problems=(SATURATED,))),
    "missed-target": lambda: judged(night(12.0), baselines=SHIPPED, past=nights_at(12.0, [19])),
    "learning": lambda: judged(night(), baselines=SHIPPED, past=nights_at(1.0, [19])),
    "drift": lambda: judged(night(1.12), past=nights_at(1.12, range(8, 20))),
    "inconclusive": lambda: judged(night(1.16)),
    "other-circumstances": lambda: judged(night(fingerprint={"machine_class": "2c-8GiB"})),
    "self-test": lambda: judged(night(self_test=True)),
    "first-run": lambda: judged(night(), baselines=SHIPPED),
    "eight-scenarios": lambda: judged(
        *(made_run(20, noise=0.02, scenario=name) for name in EIGHT),
        baselines=accepting(SHIPPED, [made_run(n, noise=0.02, scenario=name) for name in EIGHT for n in range(5)]),
    ),
}


def eventful():
    """A night in which everything happened: judged, as all of them."""
    saturated = {"problems": (SATURATED,)}
    storms = {
        "worse": (1.66, {}, again(1.66, scenario="worse")),
        "faster": (0.6, {}, []),
        "creeping": (1.12, {}, []),
        "saturated": (1.0, saturated, []),
        "suspect": (1.4, {}, []),
    }
    runs = [
        run
        for name, (factor, changes, repeats) in storms.items()
        for run in (night(factor, scenario=name, **changes), *repeats)
    ]
    runs.append(night(12.0, scenario="new"))
    before = [made_run(n, noise=0.02, scenario=name) for name in storms for n in range(5)]
    nights = [entry_of(made_run(n, factor=1.12, noise=0.02, scenario="creeping"))[1] for n in range(8, 20)]
    return judged(*runs, baselines=accepting(SHIPPED, before), past=past_of(nights))


@pytest.mark.parametrize("state", STATES)
def test_each_state_has_its_comment(state):
    golden.check(GOLDEN / f"{state}.md", comment_body(STATES[state](), context=CONTEXT))


def before_the_folds(text):
    return text.split("<details>")[0].strip().splitlines()


@pytest.mark.parametrize("state", STATES)
def test_a_comment_is_short_and_whole(state):
    text = comment_body(STATES[state](), context=CONTEXT)
    assert len(before_the_folds(text)) <= 25
    assert {line.count("|") for line in text.splitlines() if line.startswith("|")} <= {7}
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>")


def test_the_finding_of_a_regression_is_in_the_first_two_lines():
    lines = [line for line in comment_body(STATES["regression"](), context=CONTEXT).splitlines() if line]
    assert "got slower" in lines[0]
    assert re.search(r"\+6\d %", lines[1])


def test_a_green_night_has_at_most_15_lines_before_the_folds():
    assert len(before_the_folds(comment_body(STATES["pass"](), context=CONTEXT))) <= 15


def test_why_a_run_is_not_judged_is_said_once():
    text = comment_body(STATES["invalid"](), context=CONTEXT)
    assert text.count("bottleneck") == 1
    assert "k6 was 83 ms late; limit 40 ms" in text


def test_a_template_takes_nothing_that_is_not_escaped(monkeypatch):
    verdict = STATES["pass"]()
    assert isinstance(prose("x"), Escaped)
    monkeypatch.setattr("chamiperf_ci.render.night.prose", str)
    with pytest.raises(TypeError, match="neither a number nor escaped"):
        markdown(verdict, CONTEXT)


@pytest.mark.parametrize("state", STATES)
def test_a_renderer_of_githubs_markdown_finds_whole_tables_folds_and_one_chart_at_most(state):
    text = comment_body(STATES[state](), context=CONTEXT)
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)
    tables = re.findall(r"<table>.*?</table>", html, flags=re.DOTALL)
    assert len(tables) == text.count("|---|---|---:|---:|---|---|")
    for table in tables:
        assert {len(re.findall("<t[dh]", row)) for row in re.findall(r"<tr>.*?</tr>", table, flags=re.DOTALL)} == {6}
    assert "|" not in re.sub(r"<[^>]+>", "", html).replace("&#124;", "")
    assert html.count("<details>") == html.count("</details>")
    assert html.count("language-mermaid") <= 1
