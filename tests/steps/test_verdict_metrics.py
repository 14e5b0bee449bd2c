import pytest
from made_verdicts import made_change, made_row, made_target
from sample_verdict import a_verdict

from chamiperf_ci.models.vocabulary import RowReason, RowVerdict
from chamiperf_ci.steps.published import endpoint, gauges, publish


def said(**row):
    """What is said of a verdict with one regression, by name."""
    whole = a_verdict(rows=(made_row(current=120.0, baseline=100.0, change=made_change(), **row),))
    return [
        (gauge.name.removeprefix("chamiperf.verdict."), dict(gauge.attributes), gauge.value) for gauge in gauges(whole)
    ]


def one(name, **row):
    (found,) = [(attributes, value) for each, attributes, value in said(**row) if each == name]
    return found


def test_a_row_says_its_value_and_its_baseline_of_which_run():
    attributes, value = one("value")
    assert (value, one("baseline")[1]) == (120.0, 100.0)
    assert (attributes["run_id"], attributes["environment"], attributes["scenario"]) == ("r1", "staging", "boot_storm")
    assert (attributes["endpoint"], attributes["metric"], attributes["phase"]) == ("bootscript", "p99", "sustained")


def test_a_change_comes_with_its_interval():
    assert [one(name)[1] for name in ("change_low", "change", "change_high")] == [0.082, 0.207, 0.347]


def test_the_verdict_is_the_one_that_was_reached():
    assert one("row")[0]["verdict"] == "regression"


def test_what_the_confirmation_did_not_uphold_is_withdrawn():
    first = a_verdict(rows=(made_row(RowVerdict.INCONCLUSIVE, RowReason.SUSPECT_NOT_REPEATED),))
    final = a_verdict(rows=(made_row(),)).model_copy(update={"first_look": first})
    decided = {dict(gauge.attributes)["verdict"]: gauge.value for gauge in gauges(final) if gauge.name.endswith(".row")}
    assert decided == {"regression": 1.0, "inconclusive": 0.0}


def test_verdicts_that_no_row_has_are_counted_too():
    counts = {attributes["verdict"]: value for name, attributes, value in said() if name == "count"}
    assert (counts["regression"], counts["pass"]) == (1.0, 0.0)


def test_a_target_is_said_with_its_limit_and_source():
    assert one("target", target=made_target())[0]["source"] == "ADR-012"
    assert one("target_limit", target=made_target())[1] == 100.0


def test_what_there_is_none_of_is_left_out():
    nothing = a_verdict()
    assert {gauge.name for gauge in gauges(nothing)}.isdisjoint(
        {"chamiperf.verdict.baseline", "chamiperf.verdict.change"}
    )


def test_without_a_collector_nothing_is_sent():
    told = []
    publish(a_verdict(), {}, told.append)
    assert told == []


def test_a_collector_that_is_not_there_costs_one_line(monkeypatch, free_tcp_port):
    where = f"http://127.0.0.1:{free_tcp_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", where)
    told = []
    publish(a_verdict(), {"OTEL_EXPORTER_OTLP_ENDPOINT": where}, told.append)
    assert [where in text for text in told] == [True]


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"])
def test_either_variable_names_the_collector(name):
    assert endpoint({name: "http://collector.example:4318"}) == "http://collector.example:4318"
