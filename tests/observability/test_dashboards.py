import json

import pytest
from panels import FOLDER, filled_in, is_answered, questions

from chamiperf_ci.models.vocabulary import RowVerdict, TargetVerdict
from chamiperf_ci.steps.server_metrics.exporter import NAMES
from dashboards.write import PAGES, files

ASKED = list(questions())
OF_THE_LOAD = [asked for asked in ASKED if any(name.startswith("k6_") for name in asked.metrics)]
OF_SERVICES = [asked for asked in ASKED if not any(name.startswith(("chamiperf_", "pg_")) for name in asked.metrics)]


def test_what_is_written_is_what_the_code_says():
    stale = [name for name, text in files().items() if (FOLDER / name).read_text(encoding="utf-8") != text]
    assert not stale, "make dashboards"


@pytest.mark.parametrize("name", PAGES)
def test_each_panel_says_what_it_shows(name):
    panels = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["panels"]
    shown = [panel for panel in panels if panel["type"] != "row"]
    assert shown
    assert all(panel["description"] and panel["targets"] for panel in shown)


@pytest.mark.parametrize("name", ["service-performance", "database-performance"])
def test_two_dashboards_need_no_load_generator(name):
    asked = [each for each in ASKED if each.dashboard == name]
    assert asked
    assert all(metric.startswith(("chamicore:", "pg_")) for each in asked for metric in each.metrics)


def test_of_a_postgres_exporter_only_what_load_reads_as_well_is_shown():
    """Those names were compared with a real exporter's."""
    shown = {name for each in ASKED for name in each.metrics if name.startswith("pg_")}
    assert "pg_stat_statements_seconds_total" in shown
    assert shown <= set(NAMES)


def test_no_two_lines_of_a_chart_are_called_alike():
    lines = [asked for asked in ASKED if not asked.table]
    assert not [str(asked) for asked in lines if any(f"{{{{{label}}}}}" not in asked.legend for label in asked.labels)]


def test_nothing_is_asked_that_would_answer_without_data():
    assert not [str(asked) for asked in ASKED if "vector(" in asked.expr or "absent(" in asked.expr]


@pytest.mark.needs_prometheus
@pytest.mark.parametrize("asked", OF_SERVICES, ids=str)
def test_a_real_run_answers_every_panel(filled, asked):
    assert is_answered(filled.prometheus, asked.expr, filled.start, filled.end), asked.expr


@pytest.mark.needs_prometheus
@pytest.mark.parametrize("asked", OF_SERVICES, ids=str)
def test_a_panel_whose_metric_is_renamed_is_found(filled, asked):
    renamed = {name: asked.expr.replace(name, f"{name}_renamed") for name in asked.metrics}
    unnoticed = [
        name for name, expr in renamed.items() if is_answered(filled.prometheus, expr, filled.start, filled.end)
    ]
    assert asked.metrics
    assert not unnoticed


@pytest.mark.needs_prometheus
@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_every_question_is_one_that_a_real_prometheus_understands(filled, asked):
    # It raises where the answer is an error; that there is an answer is asked of those whose metrics a load makes.
    filled.prometheus.query(filled_in(asked.expr), at=filled.end)


@pytest.mark.needs_prometheus
@pytest.mark.parametrize("asked", OF_THE_LOAD, ids=str)
def test_a_load_that_sends_its_metrics_answers_every_panel_of_them(filled, asked):
    assert is_answered(filled.prometheus, asked.expr, filled.start, filled.end), asked.expr


def boards():
    return [json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")) for name in PAGES]


def test_each_dashboard_begins_with_a_row_of_big_numbers():
    for board in boards():
        row, *panels = board["panels"]
        numbers = panels[:4]
        assert (row["type"], row["title"]) == ("row", "At a glance")
        assert {panel["type"] for panel in numbers} == {"stat"}
        assert {panel["gridPos"]["y"] for panel in numbers} == {numbers[0]["gridPos"]["y"]}


def test_each_dashboard_marks_runs_and_phases():
    for board in boards():
        marks = {each["name"]: each["expr"] for each in board["annotations"]["list"]}
        assert "by (run_id)" in marks["Runs"]
        assert "by (phase)" in marks["Phases"]


def test_every_word_of_a_verdict_has_a_color():
    (tables,) = [board for board in boards() if board["uid"] == "chamicore-load-test-comparison"]
    text = json.dumps(tables)
    for word in (*RowVerdict, *TargetVerdict):
        assert f'"{word}": {{"color"' in text, word


def test_a_change_is_shown_with_its_interval():
    asked = " ".join(each.expr for each in ASKED if each.dashboard == "load-test-comparison")
    assert "chamiperf_verdict_change_low" in asked
    assert "chamiperf_verdict_change_high" in asked
