from datetime import timedelta
from statistics import median

import pytest
from made_nights import SATURATED, made_night
from made_runs import FIRST_NIGHT, accepting, made_run, shipped_baselines

from chamiperf_ci.models.run import RunKind
from chamiperf_ci.steps.history import EntryName
from chamiperf_ci.steps.trend import NIGHTS_SHOWN, trends

NIGHTS = [made_night(number, noise=0.02) for number in range(20)]
ACCEPTED = accepting(shipped_baselines(), [made_run(number, noise=0.02) for number in range(5)])


def gathered(nights, baselines=ACCEPTED):
    return trends(nights, baselines, period=timedelta(days=1))


def metric(trend, name):
    return next(one for one in trend.metrics if one.name == name)


def day(when):
    return (when - FIRST_NIGHT).days


def test_an_empty_history_has_no_trend():
    assert gathered([]) == ()


def test_one_night_is_a_trend_of_one_point():
    [trend] = gathered(NIGHTS[:1])
    p99 = metric(trend, "bootscript p99")
    assert (len(p99.lines[0].points), p99.newest, trend.missing) == (1, p99.lines[0].points[0], ())


def test_only_nights_count():
    assert gathered([made_night(0, run_kind=RunKind.REPEAT), made_night(1, run_kind=RunKind.DRILL)]) == ()


def test_nights_that_were_not_read_are_counted_and_not_missing():
    names = [
        EntryName("lab", FIRST_NIGHT - timedelta(days=before), "boot_storm", RunKind.NIGHT, "r") for before in (2, 1)
    ]
    [whole] = gathered(NIGHTS)
    [trend] = trends(NIGHTS, ACCEPTED, period=timedelta(days=1), unread=names)
    assert (trend.unread, trend.missing, trend.first) == (2, (), names[0].started_at)
    assert (whole.unread, whole.weeks_before) == (0, None)
    assert trend.weeks_before == NIGHTS[-1].started_at - NIGHTS_SHOWN


def test_the_order_of_the_entries_does_not_matter():
    assert gathered(NIGHTS[::-1]) == gathered(NIGHTS)


def test_each_compared_metric_has_a_line_with_the_level_that_was_accepted():
    [trend] = gathered(NIGHTS)
    [line] = metric(trend, "bootscript p99").lines
    assert (len(line.points), line.accepted_runs) == (20, 5)
    assert line.accepted == pytest.approx(median(point.value for point in line.points[:5]))
    assert "bootscript p99.9" not in [one.name for one in trend.metrics]


def test_errors_are_shares_of_the_requests():
    [trend] = gathered([made_night(0, failed=600)])
    errors = metric(trend, "bootscript errors")
    assert (errors.newest.value, errors.unit) == (600 / 6_000_000, "share")


def test_a_night_that_could_not_be_judged_is_named_by_the_codes_of_its_reasons_alone():
    [trend] = gathered([*NIGHTS[:2], made_night(2, problems=SATURATED), made_night(3, complete=False)])
    assert [(day(night.when), night.why) for night in trend.invalid] == [(2, "generator-saturated"), (3, "incomplete")]
    assert (trend.valid, trend.missing) == (2, ())


def test_a_night_that_did_not_happen_is_missing():
    [trend] = gathered(NIGHTS[:3] + NIGHTS[5:])
    assert [day(when) for when in trend.missing] == [3, 4]


def test_another_fingerprint_breaks_the_line_and_says_what_differs():
    old = [made_night(number, fingerprint={"k6_version": "1.0.0"}) for number in range(3)]
    [trend] = gathered(old + NIGHTS[3:])
    assert [(day(night.when), night.why) for night in trend.breaks] == [(3, "k6_version: 1.1.0 here, 1.0.0 there")]
    before, newest = metric(trend, "bootscript p99").lines
    assert (len(before.points), before.accepted, len(newest.points)) == (3, None, 17)


def test_the_newest_fingerprint_stands_last_though_it_was_seen_first():
    other = [made_night(number, fingerprint={"k6_version": "1.0.0"}) for number in range(3, 5)]
    [trend] = gathered(NIGHTS[:3] + other + NIGHTS[5:])
    assert [len(line.points) for line in metric(trend, "bootscript p99").lines] == [2, 18]


@pytest.mark.parametrize("changes", [{"scenario": "auth_under_load"}, {"fingerprint": {"profile": "demo"}}])
def test_scenarios_and_profiles_have_trends_of_their_own(changes):
    assert len(gathered([*NIGHTS[:2], made_night(1, **changes)])) == 2


def test_a_drift_is_found_where_it_began():
    slower = [made_night(number, noise=0.02, factor=1.3) for number in range(20, 40)]
    [trend] = gathered(NIGHTS + slower)
    drifting = metric(trend, "bootscript p99").drifting
    assert (drifting.ratio > 0.2, day(drifting.began)) == (True, 20)


def test_without_an_accepted_run_nothing_drifts():
    slower = [made_night(number, factor=1.3) for number in range(20, 40)]
    [trend] = gathered(NIGHTS + slower, shipped_baselines())
    assert {one.drifting for one in trend.metrics} == {None}


def test_two_attempts_of_one_night_are_one_night_and_the_valid_one_counts():
    again = made_night(3, noise=0.02).model_copy(
        update={"started_at": NIGHTS[3].started_at + timedelta(hours=3), "run_id": "again", "valid": False}
    )
    [trend] = gathered([*NIGHTS, again])
    assert (trend.valid, trend.invalid) == (20, ())
    newer = again.model_copy(update={"valid": True})
    [trend] = gathered([*NIGHTS, newer])
    assert trend.valid == 20
    assert newer.started_at in [point.when for point in metric(trend, "bootscript p99").lines[0].points]


def test_a_step_is_located_without_a_baseline_and_drift_is_not_judged():
    nights = [made_night(number, noise=0.02) for number in range(15)]
    nights += [made_night(number, noise=0.02, factor=2.0) for number in range(15, 30)]
    [trend] = gathered(nights, shipped_baselines())
    p50 = metric(trend, "bootscript p50")
    assert not p50.has_baseline
    assert [day(step.when) for step in p50.steps] == [15]
    assert p50.steps[0].ratio == pytest.approx(1.0, abs=0.1)


def test_a_step_that_came_back_ends_at_the_level_before_it():
    nights = [made_night(number, noise=0.02) for number in (*range(12), *range(24, 36))]
    nights += [made_night(number, noise=0.02, factor=2.0) for number in range(12, 24)]
    [trend] = gathered(nights, shipped_baselines())
    steps = metric(trend, "bootscript p50").steps
    assert [day(step.when) for step in steps] == [12, 24]
    assert steps[-1].after == pytest.approx(steps[0].before, rel=0.05)


def test_nights_that_only_vary_have_no_step():
    [trend] = gathered(NIGHTS, shipped_baselines())
    assert [one.steps for one in trend.metrics if one.steps] == []
