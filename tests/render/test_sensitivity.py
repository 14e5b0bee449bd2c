from datetime import timedelta

import pytest
from made_drill_documents import made_drill
from made_runs import made_fingerprint
from made_verdicts import made_scenario

from chamiperf_ci.models.drill import DrillEffect, DrillRow, sensitivity
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.render.facts import sensitivity_sentence
from chamiperf_ci.render.text import sentence_in_plain_text

NIGHT = made_scenario()
ROWS = tuple(
    DrillRow(
        key=RowKey(scenario="boot_storm", endpoint="bootscript", metric=metric),
        spread=0.03,
        smallest_suspected=smallest / 2,
        smallest_confirmed=smallest,
    )
    for metric, smallest in (("p99", 0.21), ("p50", 0.083))
)
PROVED = made_drill(
    started_at=NIGHT.started_at - timedelta(days=3),
    fingerprint=made_fingerprint(),
    rows=ROWS,
    effects=(DrillEffect(effect=0.4, injected_ms=3.2, comparisons=3, suspected=3, caught=3, missed=0),),
)


def said(*drills, night=NIGHT):
    return tuple(sentence_in_plain_text(sensitivity_sentence(found)) for found in sensitivity((night,), drills))


def proved(**changes):
    return PROVED.model_copy(update=changes)


def test_a_drill_says_what_is_seen_where_and_when_it_was_measured():
    assert said(PROVED) == (
        (
            "Detects slow-downs from 8 % on boot_storm bootscript p50 (a drill of 2026-03-19 caught 3 of 3 "
            "injected slow-downs of 40 % and called 0 of 1 unchanged comparison a regression)."
        ),
    )


def test_without_a_drill_nothing_is_said():
    assert said() == ()


def test_a_drill_of_another_scenario_says_nothing():
    assert said(proved(scenario="auth_under_load")) == ()


def test_a_drill_of_other_circumstances_is_not_used_and_the_fields_are_named():
    other = made_fingerprint(machine_class="2c-4GiB", k6_version="1.0.0")
    assert said(proved(fingerprint=other)) == (
        (
            "The drill of boot_storm of 2026-03-19 is not used: it was made under other circumstances "
            "(“machine_class: 8c-32GiB here, 2c-4GiB there; k6_version: 1.1.0 here, 1.0.0 there”)."
        ),
    )


def test_of_many_differences_three_are_named():
    other = made_fingerprint(machine_class="x", k6_version="y", profile="demo", route="gateway", tls="verified")
    assert said(proved(fingerprint=other))[0].endswith("; 2 more).")


def test_a_drill_that_fits_speaks_though_a_newer_one_does_not_fit():
    newer = proved(fingerprint=made_fingerprint(profile="demo"), started_at=NIGHT.started_at)
    assert said(newer, PROVED) == said(PROVED)


def test_of_two_that_fit_the_newer_speaks():
    assert "of 2026-03-21" in said(PROVED, proved(started_at=NIGHT.started_at - timedelta(days=1)))[0]


@pytest.mark.parametrize(("days", "stale"), [(90, False), (91, True)])
def test_a_drill_is_stale_after_90_days(days, stale):
    [sentence] = said(proved(started_at=NIGHT.started_at - timedelta(days=days)))
    assert (f" It is {days} days old: run `chamiperf drill` again." in sentence) is stale


def test_a_drill_that_proved_nothing_says_so():
    assert said(proved(word="not proved", effects=made_drill().effects)) == (
        (
            "The drill of boot_storm of 2026-03-19 did not prove this gate: a drill of 2026-03-19 caught 2 of 3 "
            "injected slow-downs of 40 % and called 0 of 1 unchanged comparison a regression."
        ),
    )


def test_a_drill_with_too_few_runs_says_so():
    assert "too few valid runs" in said(proved(word="too few runs"))[0]


def test_a_drill_without_a_valid_run_is_not_used():
    assert said(proved(fingerprint=None))[0].endswith("is not used: it has no valid run.")


def test_a_smallest_change_beyond_every_measure_is_none_that_is_seen():
    row = ROWS[0].model_copy(update={"smallest_confirmed": 12.0})
    assert said(proved(rows=(row,)))[0].startswith("Which slow-downs of boot_storm are detected is not known")
