from dataclasses import replace
from datetime import date, timedelta

import pytest
from made_runs import FIRST_NIGHT, accepting, made_run, shipped_baselines
from said import facts_said, night_said, row_said, spots_said

from chamiperf_ci.adapters.files import dumps
from chamiperf_ci.models.baselines import EnvironmentNote, KnownProblem
from chamiperf_ci.models.run import Check, RunKind, RunProblem, Unavailable
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.models.vocabulary import FailOn, RowReason, RowVerdict, RunReason, TargetVerdict
from chamiperf_ci.render.headline import headline
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.steps.compare.scenarios import PastNight, PastNights, PastValue

NOISE = 0.02
BASELINES = accepting(shipped_baselines(), [made_run(number, noise=NOISE) for number in range(5)])
ERRORS = RowKey(scenario="boot_storm", endpoint="bootscript", metric="errors")
P99 = RowKey(scenario="boot_storm", endpoint="bootscript", metric="p99")


def night(factor=1.0, **changes):
    return made_run(20, noise=NOISE, factor=factor, **changes)


def repeats(factor=1.0, count=2, kind=RunKind.REPEAT, gap=20, **changes):
    times = [night().ended_at + timedelta(minutes=gap + 40 * number) for number in range(count)]
    return [
        made_run(
            21 + number,
            noise=NOISE,
            factor=factor,
            run_kind=kind,
            started_at=start,
            ended_at=start + timedelta(minutes=15),
            **changes,
        )
        for number, start in enumerate(times)
    ]


def verdict(*runs, **changes):
    return judge(NightInput(**({"runs": runs, "baselines": BASELINES} | changes))).verdict


def row(judged, key=P99):
    return next(row for row in judged.rows if row.key == key)


def past(count, **changes):
    """Nights before the night, newest yesterday, each with a p99 of its own."""
    nights = []
    for number in range(count):
        fields = {
            "run_id": f"past{number}",
            "started_at": night().started_at - timedelta(days=count - number),
            "fingerprint": night().fingerprint,
            "values": {P99: PastValue(12.0 + 0.1 * (number % 3), row(verdict(night())).statistic)},
            "commits": ("bss 1a2b3c4",),
        }
        nights.append(PastNight(**(fields | changes)))
    return PastNights(tuple(nights))


def test_an_unchanged_night_passes():
    judged = verdict(night())
    assert (judged.outcome.exit_code, judged.outcome.word, row(judged).verdict) == (0, "pass", RowVerdict.PASS)


def test_one_run_never_condemns():
    judged = verdict(night(1.7))
    assert row(judged).reason is RowReason.SUSPECT_NOT_REPEATED
    assert judged.suspect_scenarios == ("boot_storm",)
    assert RowVerdict.REGRESSION not in {row.verdict for row in judged.rows}


def test_three_slow_runs_are_a_regression_that_keeps_its_first_look_inside():
    judged = verdict(night(1.3), *repeats(1.3))
    assert (judged.outcome.exit_code, judged.outcome.word, judged.stage) == (1, "regression", "confirmed")
    assert row(judged).reason is RowReason.SLOWER_IN_ALL_RUNS
    assert judged.first_look == verdict(night(1.3))
    assert judged.suspects == ()


def test_a_slow_night_and_two_usual_repeats_are_no_regression():
    judged = verdict(night(1.5), *repeats(1.0))
    assert row(judged).verdict is RowVerdict.PASS


def test_a_row_that_was_not_suspect_keeps_its_first_verdict_whatever_the_repeats_say():
    judged = verdict(night(1.0), *repeats(1.6))
    assert row(judged).verdict is RowVerdict.PASS
    assert len(row(judged).current_values) == 1


def test_repeats_that_ran_back_to_back_are_marked():
    judged = verdict(night(1.3), *repeats(1.3, gap=1))
    assert judged.scenarios[0].back_to_back
    assert "The repeats ran back to back, so they are not independent." in facts_said(row(judged).notes)


def test_pairs_decide_alone():
    old = repeats(1.0, 5, RunKind.PAIR_OLD)
    new = repeats(1.3, 5, RunKind.PAIR_NEW)
    judged = verdict(night(1.3), *old, *new)
    assert (row(judged).reason, judged.confirmed_by) == (RowReason.SLOWER_IN_PAIRS, "pairs")
    assert len(row(judged).baseline_values) == len(row(judged).current_values) == 5


def test_pairs_in_which_old_and_new_are_alike_clear_a_suspect():
    judged = verdict(night(1.3), *repeats(1.3, 5, RunKind.PAIR_OLD), *repeats(1.3, 5, RunKind.PAIR_NEW))
    assert row(judged).verdict is RowVerdict.PASS


def only_pairs(factor, count=5, *, machine="8c-32GiB", history=None, **changes):
    """Pairs without a night of their own, nothing ever accepted; the old side ran on `machine`."""
    before = {"environment": "pull-request-base", "machine_class": machine}
    old = repeats(1.0, count, RunKind.PAIR_OLD, fingerprint=before)
    new = repeats(factor, count, RunKind.PAIR_NEW, fingerprint={"environment": "pull-request"}, **changes)
    return verdict(*old, *new, baselines=shipped_baselines(), past=history)


def test_pairs_alone_need_no_baseline_and_decide_every_row():
    judged = only_pairs(1.3)
    assert (judged.outcome.exit_code, judged.outcome.word, judged.environment) == (1, "regression", "pull-request")
    assert row(judged).reason is RowReason.SLOWER_IN_PAIRS
    assert {row.reason for row in judged.rows if row.compared} & {RowReason.NO_BASELINE} == set()


def test_pairs_alone_of_old_and_new_alike_pass():
    judged = only_pairs(1.0)
    assert (judged.outcome.exit_code, judged.outcome.word) == (0, "pass")
    assert (judged.confirmed_by, judged.suspect_scenarios) == ("pairs", ())


def test_too_few_pairs_alone_condemn_nothing_and_ask_for_no_repeats():
    judged = only_pairs(1.3, count=3)
    assert row(judged).verdict is RowVerdict.INCONCLUSIVE
    assert (judged.suspects, judged.suspect_scenarios) == ((), ())
    assert "worth measuring again" not in night_said(judged)


def test_too_few_pairs_alone_say_how_many_would_decide():
    assert "slower (23 to 37 %) in 3 pairs: five are needed to decide." in row_said(row(only_pairs(1.3, count=3)))


@pytest.mark.parametrize(
    ("factors", "target"),
    [((4.0, 1.0, 1.0, 1.0, 1.0), TargetVerdict.MET), ((1.0, 4.0, 4.0, 4.0, 4.0), TargetVerdict.MISSED)],
    ids=["one slow run", "one fast run"],
)
def test_targets_of_pairs_alone_are_held_against_the_median_of_the_new_runs(factors, target):
    old = repeats(1.0, len(factors), RunKind.PAIR_OLD)
    new = [repeats(factor, len(factors), RunKind.PAIR_NEW)[place] for place, factor in enumerate(factors)]
    p50 = RowKey(scenario="boot_storm", endpoint="bootscript", metric="p50")
    assert row(verdict(*old, *new), p50).target.verdict is target


def test_each_run_of_pairs_alone_is_named_once():
    kinds = (RunKind.PAIR_OLD, RunKind.PAIR_NEW)
    runs = [
        run.model_copy(update={"run_id": f"{kind}-{run.run_id}"}) for kind in kinds for run in repeats(1.0, 2, kind)
    ]
    (scenario,) = verdict(*runs).scenarios
    assert sorted(scenario.runs) == sorted(run.run_id for run in runs)


def test_pairs_alone_that_got_faster_are_no_stale_baseline():
    judged = only_pairs(0.6)
    assert (row(judged).verdict, judged.warnings) == (RowVerdict.IMPROVEMENT, ())


def test_pairs_alone_that_were_all_invalid_are_no_pass():
    judged = only_pairs(1.0, problems=(RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %"),))
    assert (judged.outcome.exit_code, judged.outcome.word) == (3, "invalid")


@pytest.mark.parametrize("history", [None, PastNights()], ids=["without a history", "with a history"])
def test_pairs_alone_of_which_none_could_be_used_are_exit_3(history):
    judged = only_pairs(1.3, machine="2c-8GiB", history=history)
    assert (judged.outcome.exit_code, judged.outcome.word) == (3, "invalid")


def test_pairs_alone_on_unlike_machines_name_what_differs():
    judged = only_pairs(1.3, machine="2c-8GiB")
    assert row(judged).reason is RowReason.FINGERPRINT_MISMATCH
    assert row(judged).detail == "machine_class: 8c-32GiB here, 2c-8GiB there"
    assert "only for other circumstances (“machine_class: 8c-32GiB here" in night_said(judged)


def test_pairs_alone_of_which_none_could_be_used_were_measured_by_pairs():
    assert only_pairs(1.3, machine="2c-8GiB").confirmed_by == "pairs"


def test_pairs_alone_whose_old_runs_were_all_invalid_have_rows_that_say_so():
    old, new = (repeats(1.0, 2, kind) for kind in (RunKind.PAIR_OLD, RunKind.PAIR_NEW))
    judged = verdict(*(run.model_copy(update=INVALID) for run in old), *new)
    assert (judged.outcome.exit_code, row(judged).reason) == (3, RowReason.RUN_INVALID)
    assert row_said(row(judged)).startswith("Not judged: the run cannot be judged.")


def test_an_endpoint_that_the_new_side_of_pairs_lacks_is_not_measured():
    series = night().series[0].model_copy(update={"endpoint": "renamed"})
    assert row(only_pairs(1.0, series=(series,))).reason is RowReason.NOT_MEASURED


def test_failures_that_only_the_new_side_of_pairs_has_are_found():
    judged = only_pairs(1.0, failed=4000)
    errors = row(judged, ERRORS)
    assert (errors.verdict, errors.baseline) == (RowVerdict.REGRESSION, 0)
    assert row_said(errors).endswith(" in 5 old runs.")


def test_failures_in_too_few_pairs_alone_say_how_many_would_decide():
    errors = row(only_pairs(1.0, count=2, failed=9000), ERRORS)
    assert (errors.reason, errors.suspect) == (RowReason.SUSPECT_NOT_REPEATED, False)
    assert row_said(errors).endswith(" in 2 old runs. Three pairs are needed to decide.")


def test_the_same_files_give_the_same_bytes_in_any_order():
    runs = [night(1.3), *repeats(1.3)]
    assert dumps(verdict(*runs)) == dumps(verdict(*reversed(runs)))


def test_without_a_baseline_the_night_is_not_valid_and_never_passes():
    judged = verdict(night(), baselines=shipped_baselines())
    assert (judged.outcome.exit_code, judged.outcome.word) == (3, "invalid")
    assert row(judged).reason is RowReason.NO_BASELINE
    assert row(judged).target.verdict is TargetVerdict.MET


def test_another_fingerprint_names_the_field_that_differs():
    judged = verdict(night(fingerprint={"machine_class": "2c-8GiB"}))
    assert (judged.outcome.exit_code, row(judged).reason) == (3, RowReason.FINGERPRINT_MISMATCH)
    assert row(judged).detail == "machine_class: 2c-8GiB here, 8c-32GiB there"


def test_a_vanished_metric_is_not_valid_and_shown_with_what_it_was():
    series = night().series[0].model_copy(update={"endpoint": "renamed"})
    judged = verdict(night(series=(series,)))
    gone = row(judged)
    assert (judged.outcome.exit_code, gone.reason, gone.current) == (3, RowReason.NOT_MEASURED, None)
    assert gone.baseline == pytest.approx(12.4, rel=0.1)
    assert judged.counts.not_measured == 7


INVALID = {"problems": (RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %"),)}


def test_an_invalid_run_is_not_judged_and_its_values_are_shown():
    judged = verdict(night(1.7, **INVALID))
    assert (judged.outcome.exit_code, row(judged).reason) == (3, RowReason.RUN_INVALID)
    assert row(judged).current is not None
    assert row(judged).target.verdict is TargetVerdict.INVALID
    assert night_said(judged).startswith("The load generator was the bottleneck. Nothing is said about the stack.")


def test_a_suspect_whose_repeat_is_invalid_is_not_decided():
    judged = verdict(night(1.5), *repeats(1.5, **INVALID))
    assert (judged.outcome.exit_code, judged.outcome.word) == (3, "invalid")
    assert "not each of its runs can be judged: the load generator was the bottleneck" in night_said(judged)


def test_what_a_stack_cannot_do_and_never_could_costs_nothing():
    problem = RunProblem(reason=RunReason.NOT_POSSIBLE, text="the stack has no kea")
    other = made_run(20, scenario="dhcp_sync_burst", problems=(problem,), series=(), traffic=(), phases=())
    assert verdict(night(), other).outcome.exit_code == 0


def test_a_run_of_the_embedded_stack_says_so_first():
    assert night_said(verdict(night(self_test=True))).startswith("Self-test: no product was measured. ")


def learning(nights, baselines=None, **changes):
    first = (night().started_at - timedelta(days=nights - 1)).date()
    noted = {"environments": {"lab": EnvironmentNote(first_night=first)}}
    baselines = (baselines or shipped_baselines()).model_copy(update=noted)
    return verdict(night(**changes), baselines=baselines)


@pytest.mark.parametrize(("nights", "code", "word"), [(1, 0, "learning"), (21, 0, "learning"), (22, 3, "invalid")])
def test_the_first_21_nights_of_an_environment_are_learning(nights, code, word):
    judged = learning(nights)
    assert (judged.outcome.exit_code, judged.outcome.word) == (code, word)


def test_learning_is_said_first_and_is_no_pass():
    sentence = night_said(learning(3))
    assert sentence.startswith("Targets are checked; comparison starts with 5 accepted runs.")
    assert "pass" not in sentence


@pytest.mark.parametrize(("before", "runs"), [(0, 1), (3, 4), (4, 5), (9, 5)])
def test_learning_counts_the_valid_runs_measured_so_far(before, runs):
    judged = verdict(night(), baselines=shipped_baselines(), past=past(before))
    assert headline(judged).title == f"learning, {runs} of 5 runs"


def test_without_a_history_it_is_said_that_earlier_runs_are_not_counted():
    assert [said for said in facts_said(learning(3).warnings) if "only this one is counted" in said]
    counted = verdict(night(), baselines=shipped_baselines(), past=past(2))
    assert not [said for said in facts_said(counted.warnings) if "only this one is counted" in said]


def test_learning_counts_the_nights_of_the_history_where_there_is_one():
    assert verdict(night(), baselines=shipped_baselines(), past=past(20)).outcome.word == "learning"
    assert verdict(night(), baselines=shipped_baselines(), past=past(21)).outcome.word == "invalid"


def test_a_night_that_is_not_valid_is_not_blamed_on_what_learning_forgives():
    windows = tuple(window.model_copy(update={"failed": 30_000}) for window in night().series[0].windows)
    burst = night().series[0].model_copy(update={"windows": windows})
    judged = learning(1, series=(burst,))
    assert judged.outcome.word in {"invalid", "target missed"}
    assert "has no accepted run" not in night_said(judged)


def few_requests():
    """A series whose p99 has too few requests for its target to be judged."""
    usual = night().series[0]
    windows = tuple(window.model_copy(update={"count": 150}) for window in usual.windows)
    phases = {"sustained": usual.phases["sustained"].model_copy(update={"count": 3_000})}
    return usual.model_copy(update={"windows": windows, "phases": phases})


@pytest.mark.parametrize(
    "judge_it",
    [
        lambda few: learning(1, series=(few,)),
        lambda few: learning(1, BASELINES, series=(few,), fingerprint={"machine_class": "2c-8GiB"}),
        lambda few: verdict(night(run_kind=RunKind.QUICK, fingerprint={"profile": "quick"}, series=(few,))),
    ],
    ids=["learning", "learning on another machine", "targets only"],
)
def test_a_target_that_cannot_be_judged_is_what_a_night_without_a_baseline_is_blamed_on(judge_it):
    judged = judge_it(few_requests())
    assert (judged.outcome.exit_code, judged.outcome.word) == (3, "invalid")
    assert "Boot script p99: " in night_said(judged)
    assert "too few requests" in night_said(judged).lower()


def test_learning_does_not_excuse_a_missed_target():
    judged = learning(1, factor=4.0)
    assert (judged.outcome.exit_code, judged.outcome.word) == (1, "target missed")


def test_a_quick_run_without_accepted_runs_of_its_profile_judges_targets_only_and_says_so_first():
    judged = verdict(night(run_kind=RunKind.QUICK, fingerprint={"profile": "quick"}))
    assert (judged.outcome.exit_code, judged.outcome.word) == (0, "targets only")
    assert night_said(judged).startswith("Targets only: ")


def test_a_quick_run_on_another_machine_than_its_baseline_is_not_excused():
    judged = verdict(night(run_kind=RunKind.QUICK, fingerprint={"machine_class": "2c-8GiB"}))
    assert judged.outcome.exit_code == 3


def known(what="regression", **changes):
    fields = {
        "environment": "lab",
        "scenario": "boot_storm",
        "endpoint": "bootscript",
        "metric": "p99",
        "what": what,
        "extent": 0.5,
        "reason": "index is being built",
        "link": "https://tracker.example/7",
        "who": "ada",
        "expires": date(2026, 6, 1),
    }
    return KnownProblem(**(fields | changes))


def acknowledging(*problems):
    return BASELINES.model_copy(update={"acknowledgements": problems})


def all_known(**changes):
    """Every row that regresses together with the p99."""
    return acknowledging(*(known(metric=metric, **changes) for metric in ("p50", "p95", "p99")))


SLOW = (night(1.2), *repeats(1.2))


def test_an_acknowledged_regression_is_shown_and_does_not_fail_the_night():
    judged = verdict(*SLOW, baselines=all_known())
    assert (judged.outcome.exit_code, row(judged).verdict) == (0, RowVerdict.REGRESSION)
    assert row(judged).acknowledged.who == "ada"


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"expires": date(2026, 3, 21)}, "It was acknowledged until 2026-03-21 by ada; that has expired."),
        ({"extent": 0.1}, "acknowledged up to 10.0 %"),
    ],
    ids=["expired", "grown"],
)
def test_an_acknowledgement_that_expired_or_is_outgrown_fails_the_night_again(changes, note):
    judged = verdict(*SLOW, baselines=all_known(**changes))
    assert judged.outcome.exit_code == 1
    assert note in " ".join(facts_said(row(judged).notes))


def test_an_acknowledged_target_does_not_fail_the_night():
    problem = known(what="target", metric="errors", extent=0.01)
    failing = verdict(night(failed=20_000), baselines=acknowledging(problem))
    assert row(failing, ERRORS).target.verdict is TargetVerdict.MISSED
    assert failing.outcome.exit_code == 0


def test_an_acknowledgement_that_no_longer_applies_is_named_for_removal():
    judged = verdict(night(), baselines=acknowledging(known()))
    assert facts_said(judged.warnings)[-1] == (
        "The acknowledged regression of boot_storm / bootscript p99 no longer applies: remove it from baselines.json."
    )


def test_a_run_far_better_than_its_baseline_is_a_stale_baseline():
    judged = verdict(night(0.6))
    assert any("is stale" in warning and "would go unseen" in warning for warning in facts_said(judged.warnings))


def test_a_stale_baseline_is_not_told_to_be_replaced_by_this_night_alone():
    stale = [warning for warning in facts_said(verdict(night(0.6)).warnings) if "is stale" in warning]
    assert stale
    said = "--replace --scenario boot_storm --since DAY”; DAY is the first night after the change)."
    assert all(warning.endswith(said) for warning in stale)


def test_a_baseline_older_than_60_nights_is_said_to_be_old():
    started = FIRST_NIGHT + timedelta(days=4 + 61)
    judged = verdict(night(started_at=started, ended_at=started + timedelta(minutes=15)))
    assert any(warning.startswith("The baseline is old") for warning in facts_said(judged.scenarios[0].warnings))


def test_history_narrows_or_widens_the_interval():
    without, with_it = row(verdict(night())), row(verdict(night(), past=past(30)))
    assert (without.history_nights, with_it.history_nights) == (0, 30)
    assert with_it.change.nu > without.change.nu


@pytest.mark.parametrize(
    ("changes", "known", "said"),
    [
        ({}, None, "1 of them is known."),
        ({}, past(5), "6 of them are known."),
        ({}, past(6), ""),
        ({"run_kind": RunKind.QUICK}, None, ""),
        ({"fingerprint": {"machine_class": "2c-8GiB"}}, None, ""),
    ],
    ids=["no-history", "six-nights", "seven-nights", "quick", "nothing-accepted"],
)
def test_a_night_says_that_a_slow_drift_could_not_be_seen(changes, known, said):
    judged = verdict(night(**changes), past=known)
    spots = spots_said(judged.rows, judged.scenarios)
    assert [spot for spot in spots if "slow drift" in spot] == (
        [f"A slow drift of boot_storm shows in 7 nights; {said}"] if said else []
    )


def test_slow_drift_has_a_row_of_its_own_and_fails_no_night():
    nights = replace(past(30), nights=tuple(
        replace(each, values={P99: PastValue(12.4 * (1 if place < 22 else 1.15), row(verdict(night())).statistic)})
        for place, each in enumerate(past(30).nights)
    ))  # fmt: skip
    judged = verdict(night(1.15), past=nights)
    drift = next(row for row in judged.rows if row.reason is RowReason.DRIFT)
    assert drift.key.metric == "p99 drift"
    assert "2026-03-14, with the same build before and after (bss 1a2b3c4)." in row_said(drift)
    assert judged.outcome.exit_code == 0


def test_drift_can_be_told_to_fail_the_night():
    slow = {P99: PastValue(12.4 * 1.15, row(verdict(night())).statistic)}
    nights = past(30, values=slow)
    assert verdict(night(1.15), past=nights, fail_on={FailOn.DRIFT}).outcome.exit_code == 1


def test_the_adr_gate_condemns_one_run_and_states_how_often_it_is_wrong():
    judged = verdict(night(1.3), gate="adr")
    assert (judged.outcome.exit_code, row(judged).reason) == (1, RowReason.ABOVE_TOLERANCE)
    assert "98 of 100 nights" in facts_said(judged.warnings)[0]
    assert judged.suspect_scenarios == ()


def test_equal_builds_on_both_sides_are_an_a_a_comparison():
    assert verdict(night()).scenarios[0].same_build


def test_a_fault_set_on_purpose_is_no_a_a_comparison():
    assert not verdict(night(injected_faults=("bss: latency 6 ms",))).scenarios[0].same_build


def test_what_differs_without_forbidding_a_comparison_is_reported():
    machine = night().machine.model_copy(update={"cpu_model": "Model B", "load_average": 7.5})
    assert facts_said(verdict(night(machine=machine)).scenarios[0].reported_differences) == (
        "The machine was busy when the run began: load average 7.5.",
        "The CPU differs: Model B here, Model A in the newest accepted run.",
    )


def test_an_accepted_run_edited_by_hand_is_noticed():
    entry = next(iter(BASELINES.accepted_runs.values()))
    edited = entry.runs[0].model_copy(update={"why": "because"})
    tampered = entry.model_copy(update={"runs": (edited, *entry.runs[1:])})
    key = next(iter(BASELINES.accepted_runs))
    judged = verdict(night(), baselines=BASELINES.model_copy(update={"accepted_runs": {key: tampered}}))
    assert "edited by hand" in facts_said(judged.warnings)[0]


def test_disjoint_sets_of_metrics_are_unavailable_on_both_sides():
    series = night().series[0].model_copy(update={"endpoint": "another"})
    judged = verdict(night(series=(series,)))
    compared = [row for row in judged.rows if row.compared and row.key.endpoint]
    assert {row.verdict for row in compared} == {RowVerdict.UNAVAILABLE}
    assert {row.reason for row in compared} == {RowReason.NO_BASELINE, RowReason.NOT_MEASURED}


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_values_that_no_latency_can_have_give_a_reason_and_no_verdict(value):
    series = night().series[0]
    windows = tuple(window.model_copy(update={"quantiles": {"p99": value}}) for window in series.windows)
    judged = verdict(night(series=(series.model_copy(update={"windows": windows, "phases": {}}),)))
    assert row(judged).verdict is RowVerdict.INVALID


def test_what_was_not_checked_or_measured_or_was_disturbed_on_purpose_is_said():
    judged = verdict(
        night(
            checks=(Check(name="cooldown", ok=False, problem="p95 is twice what it was"),),
            unavailable=(Unavailable(what="sync lag", reason="no Kea"),),
            injected_faults=("bss: latency 6 ms",),
        )
    )
    assert facts_said(judged.scenarios[0].warnings) == (
        "The check cooldown failed: “p95 is twice what it was”.",
        "Not measured: sync lag: no Kea.",
        "Faults were injected on purpose: “bss: latency 6 ms”.",
    )


def test_unverified_certificates_are_marked():
    judged = verdict(night(fingerprint={"tls": "insecure"}))
    assert facts_said(judged.scenarios[0].reported_differences) == ("Certificates were not verified (`--insecure`).",)


def test_a_row_of_pairs_says_whether_the_slow_down_is_new_here():
    old, new = repeats(1.0, 5, RunKind.PAIR_OLD), repeats(1.3, 5, RunKind.PAIR_NEW)
    assert any(note.startswith("New here") for note in facts_said(row(verdict(night(1.3), *old, *new)).notes))
    alike = repeats(1.3, 5, RunKind.PAIR_OLD), repeats(1.3, 5, RunKind.PAIR_NEW)
    beside = row(verdict(night(1.3), *alike[0], *alike[1]))
    assert any(note.startswith("Not new here") for note in facts_said(beside.notes))
