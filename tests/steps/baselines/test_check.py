from datetime import date

import pytest
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.models.baselines import Baselines, EnvironmentNote
from chamiperf_ci.render.baselines import Severity
from chamiperf_ci.steps.baselines.review import check

TODAY = date(2026, 3, 20)
FIVE = accepting(shipped_baselines(), [made_run(number) for number in range(5)])


def changed(baselines, change):
    """The file after an edit by hand of its rules or acknowledgements."""
    data = baselines.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    change(data)
    return Baselines.model_validate(data)


def findings(baselines, severity, **more):
    return [found for found in check(baselines, today=TODAY, **more) if found.severity is severity]


def weaker(change):
    return findings(changed(FIVE, change), Severity.WEAKER, base=FIVE)


def test_an_unchanged_full_file_has_nothing_to_say():
    assert check(FIVE, today=TODAY, base=FIVE, runs=[made_run(9)]) == ()


def test_a_looser_default_tolerance_is_one_finding_that_names_some_metrics():
    def loosen(data):
        data["rules"]["defaults"]["tolerance"] = 0.3

    [found] = weaker(loosen)
    assert (found.what, found.before, found.now) == ("tolerance loosened", "20 %", "30 %")
    assert " more" in found.where


def test_a_stricter_rule_that_is_taken_out_is_a_loosening():
    def tighten(data):
        data["rules"]["scenarios"]["boot_storm"]["metrics"]["p99"]["tolerance"] = 0.1

    strict = changed(FIVE, tighten)
    [found] = findings(FIVE, Severity.WEAKER, base=strict)
    assert (found.what, found.before, found.now) == ("tolerance loosened", "10 %", "20 %")
    assert "boot_storm / bootscript p99" in found.where


def test_a_tighter_tolerance_is_no_finding():
    def tighten(data):
        data["rules"]["defaults"]["tolerance"] = 0.1

    assert weaker(tighten) == []


P99 = ("rules", "scenarios", "boot_storm", "metrics", "p99")


def at(data, *path):
    for name in path:
        data = data[name]
    return data


@pytest.mark.parametrize(
    ("change", "what", "now"),
    [
        pytest.param(
            lambda data: at(data, *P99)["target"].update(limit=150),
            "target weakened",
            "at most 150 ms, sustained (ADR-012)",
            id="a higher limit",
        ),
        pytest.param(
            lambda data: at(data, *P99)["target"].update(phase="spike"),
            "target weakened",
            "at most 100 ms, spike (ADR-012)",
            id="another phase",
        ),
        pytest.param(lambda data: at(data, *P99).update(target="none"), "target removed", "", id="no target"),
        pytest.param(
            lambda data: at(data, *P99).update(compared=False), "no longer compared", "shown only", id="shown"
        ),
        pytest.param(
            lambda data: at(data, *P99).update(exempt="it is odd"), "exempt from a baseline", "it is odd", id="exempt"
        ),
        pytest.param(
            lambda data: at(data, "rules", "defaults", "metrics", "service throughput", "target").update(limit=5000),
            "target weakened",
            "at least 5,000 /s, offered 1.2 x (ADR-012)",
            id="a lower rate",
        ),
        pytest.param(
            lambda data: at(data, "rules", "defaults", "metrics", "service throughput", "target").update(
                offered_factor=3
            ),
            "target weakened",
            "at least 10,000 /s, offered 3 x (ADR-012)",
            id="a rate that must be offered more",
        ),
    ],
)
def test_a_weakened_gate_is_found(change, what, now):
    assert (what, now) in {(found.what, found.now) for found in weaker(change)}


def test_a_limit_weakened_for_one_kind_of_stack_is_found():
    def loosen(data):
        target = at(
            data, "rules", "scenarios", "inventory_scale", "endpoints", "component-get", "metrics", "p99", "target"
        )
        target["by_stack"]["embedded"]["limit"] = 200

    [found] = weaker(loosen)
    assert found.now == "at most 200 ms, sustained (ADR-012)"


def noted(baselines, first_night):
    note = EnvironmentNote(first_night=first_night)
    return baselines.model_copy(update={"environments": {"lab": note}})


def test_a_first_night_moved_forward_is_a_weakened_gate():
    before, after = (noted(shipped_baselines(), date(2026, month, 1)) for month in (2, 3))
    [found] = findings(after, Severity.WEAKER, base=before)
    assert (found.what, found.before, found.now) == (
        "learning starts again",
        "from 2026-02-01",
        "from 2026-03-01",
    )
    assert findings(before, Severity.WEAKER, base=after) == []


def test_a_first_night_for_an_environment_that_had_a_baseline_is_a_weakened_gate():
    [found] = findings(noted(FIVE, date(2026, 3, 1)), Severity.WEAKER, base=FIVE)
    assert (found.what, found.now) == ("learning starts again", "from 2026-03-01")


def test_the_first_night_of_a_new_environment_weakens_nothing():
    assert findings(noted(shipped_baselines(), date(2026, 3, 1)), Severity.WEAKER, base=shipped_baselines()) == []


def test_a_removed_baseline_is_a_weakened_gate():
    [found] = findings(shipped_baselines(), Severity.WEAKER, base=FIVE)
    assert (found.what, found.before) == ("baseline removed", "5 runs")


def test_fewer_accepted_runs_are_a_weakened_gate():
    fewer = accepting(shipped_baselines(), [made_run(0), made_run(1)])
    assert "accepted runs removed" in {found.what for found in findings(fewer, Severity.WEAKER, base=FIVE)}


def test_newly_accepted_runs_are_noted_with_who_accepted_them():
    four = accepting(shipped_baselines(), [made_run(number) for number in range(4)])
    assert [(found.what, found.now) for found in findings(FIVE, Severity.NOTE, base=four)] == [
        ("runs accepted by ada", "boot0004")
    ]


def test_an_accepted_run_that_changed_is_broken():
    other = made_run(0, factor=1.1)
    again = accepting(shipped_baselines(), [other, *(made_run(number) for number in range(1, 5))])
    assert [found.what for found in findings(again, Severity.BROKEN, base=FIVE)] == ["accepted run changed"]


def test_a_hand_edited_accepted_run_is_broken():
    def edit(data):
        [entry] = data["accepted_runs"].values()
        entry["runs"][0]["rows"][1]["value"] = 99.0

    assert [found.what for found in findings(changed(FIVE, edit), Severity.BROKEN)] == ["edited by hand"]


def test_a_measured_metric_without_a_baseline_is_broken_where_others_have_one():
    run = made_run(9, endpoints=("bootscript", "nonsense"))
    found = findings(FIVE, Severity.BROKEN, runs=[run])
    assert [one.where for one in found] == [
        f"boot_storm / nonsense {metric}" for metric in ("p50", "p95", "p99", "stalled-windows", "errors")
    ]


def test_a_written_exemption_covers_a_metric():
    def exempt(data):
        data["rules"]["scenarios"]["boot_storm"]["endpoints"] = {"nonsense": {"exempt": "only shown"}}

    run = made_run(9, endpoints=("bootscript", "nonsense"))
    assert findings(changed(FIVE, exempt), Severity.BROKEN, runs=[run]) == []


def test_an_environment_that_has_no_baseline_yet_is_noted():
    run = made_run(9, fingerprint={"environment": "new"})
    assert {found.what for found in findings(FIVE, Severity.NOTE, runs=[run])} == {"measured without a baseline"}
    assert findings(FIVE, Severity.BROKEN, runs=[run]) == []


def test_an_old_baseline_is_noted():
    [found] = check(FIVE, today=date(2026, 5, 6))
    assert (found.what, found.now) == ("old baseline", "newest run 2026-03-06, 61 days ago")
    assert check(FIVE, today=date(2026, 5, 5)) == ()


def test_a_thin_baseline_is_noted():
    thin = accepting(shipped_baselines(), [made_run(0)])
    assert [found.now for found in findings(thin, Severity.NOTE)] == ["1 of 5 runs"]


KNOWN = {
    "environment": "lab",
    "scenario": "boot_storm",
    "endpoint": "bootscript",
    "metric": "p99",
    "what": "regression",
    "extent": 0.4,
    "reason": "new kernel",
    "link": "https://example.org/1",
    "who": "ada",
    "expires": "2026-03-19",
}


def test_a_new_acknowledgement_weakens_a_gate():
    [found] = weaker(lambda data: data.update(acknowledgements=[KNOWN]))
    assert (found.what, found.now) == ("regression acknowledged by ada", "up to 0.400 until 2026-03-19: new kernel")


def test_an_acknowledgement_that_is_extended_weakens_a_gate():
    before = changed(FIVE, lambda data: data.update(acknowledgements=[KNOWN]))
    after = changed(FIVE, lambda data: data.update(acknowledgements=[KNOWN | {"expires": "2026-09-01"}]))
    [found] = findings(after, Severity.WEAKER, base=before)
    assert found.before == "up to 0.400 until 2026-03-19: new kernel"
    assert found.now == "up to 0.400 until 2026-09-01: new kernel"


def test_an_expired_acknowledgement_is_noted():
    known = changed(FIVE, lambda data: data.update(acknowledgements=[KNOWN]))
    assert [found.what for found in findings(known, Severity.NOTE)] == ["acknowledgement expired"]


def test_an_acknowledgement_of_no_scenario_is_broken_and_the_near_name_is_told():
    known = changed(FIVE, lambda data: data.update(acknowledgements=[KNOWN | {"scenario": "boot_storn"}]))
    [found] = findings(known, Severity.BROKEN)
    assert (found.what, found.now) == ("no such scenario", "is boot_storm meant?")


def test_a_rule_of_no_scenario_is_broken():
    known = changed(FIVE, lambda data: data["rules"]["scenarios"].update(zebra={"tolerance": 0.3}))
    [found] = findings(known, Severity.BROKEN)
    assert (found.where, found.now) == ("rules, zebra", "there is no such scenario")
