import pytest
from made_runs import made_fingerprint
from made_verdicts import KNOWN, made_change, made_row, made_scenario, made_target, made_verdict
from said import night_said, spots_said

from chamiperf_ci.models.run import RunProblem
from chamiperf_ci.models.vocabulary import Direction, RowReason, RowVerdict, RunReason, TargetVerdict
from chamiperf_ci.render.facts import why_invalid
from chamiperf_ci.render.headline import Headline
from chamiperf_ci.render.night import others
from chamiperf_ci.render.numbers import MINUS


def headline(word, rows, scenarios, **changes):
    """The night's sentence of rows and scenarios."""
    return night_said(made_verdict(rows, word=word, scenarios=scenarios, **changes))


ONE = (made_scenario(),)
PASS = made_row(RowVerdict.PASS, RowReason.WITHIN_TOLERANCE, change=made_change(0.01, -0.1, 0.15))
MET = PASS.model_copy(update={"target": made_target()})
REGRESSED = made_row(change=made_change(0.271, 0.194, 0.358))


def test_a_regression_is_understood_without_statistics():
    assert headline("regression", (REGRESSED,), ONE) == (
        "Boot script p99 +27 % (19 to 36 %): 82.0 → 99.0 ms, in all 3 runs; 20 % is allowed."
    )


def test_a_loss_of_throughput_falls():
    row = made_row(
        unit="/s", metric="throughput", direction=Direction.HIGHER, change=made_change(-0.2136, -0.2506, -0.1747)
    )
    assert headline("regression", (row,), ONE) == (
        f"Boot script throughput {MINUS}21 % (17 to 25 %): 82.0/s → 99.0/s, in all 3 runs; 20 % is allowed."
    )


def test_an_interval_that_holds_no_change_is_said_in_words():
    row = made_row(reason=RowReason.ABOVE_TOLERANCE, change=made_change(0.25, -0.1, 0.7), current_values=(99.0,))
    assert headline("regression", (row,), ONE) == (
        f"Boot script p99 +25 % ({MINUS}10 to +70 %): 82.0 → 99.0 ms, in one run alone (gate `adr`); 20 % is allowed."
    )


def test_the_worst_regression_is_named_and_the_others_are_counted():
    other = made_row(metric="p95", change=made_change(0.5, 0.3, 0.7, d=0.4))
    missed = made_row(
        RowVerdict.PASS, RowReason.WITHIN_TOLERANCE, metric="p50", target=made_target(TargetVerdict.MISSED)
    )
    said = headline("regression", (REGRESSED, other, missed), ONE)
    assert said == (
        "Boot script p95 +50 % (30 to 70 %): 82.0 → 99.0 ms, in all 3 runs; 20 % is allowed. 1 more row regressed. "
        "1 target is missed."
    )


def test_what_a_stack_never_had_is_not_the_headline_of_another_scenarios_rows():
    impossible = made_scenario("dhcp_sync_burst", valid=False, reasons=(RunReason.NOT_POSSIBLE,), baseline_runs=0)
    lost = made_row(RowVerdict.UNAVAILABLE, RowReason.NOT_MEASURED, change=None, current_values=())
    assert headline("invalid", (lost,), (*ONE, impossible)).startswith("Boot script p99")
    assert "cannot do what the scenario asks" in headline("invalid", (), (impossible,)).lower()


@pytest.mark.parametrize(("metrics", "said"), [(("p50",), "1 other unchanged"), (("p50", "p95"), "2 others unchanged")])
def test_rows_that_are_not_shown_are_counted(metrics, said):
    rest = [PASS.model_copy(update={"key": PASS.key.model_copy(update={"metric": metric})}) for metric in metrics]
    found = Headline("", "", "")
    assert [words for _, words in others([REGRESSED, *rest], [REGRESSED], found)] == [said]


def test_an_acknowledged_regression_is_not_the_headline():
    known = made_row(metric="p95", change=made_change(0.5, 0.3, 0.7, d=0.4), acknowledged=KNOWN)
    assert headline("regression", (REGRESSED, known), ONE).startswith("Boot script p99 +")


def test_of_several_scenarios_the_one_is_named():
    scenarios = (made_scenario(), made_scenario("auth_under_load"))
    assert "Boot script p99 in boot_storm +" in headline("regression", (REGRESSED,), scenarios)


def test_a_run_of_the_embedded_stack_says_first_that_no_product_was_measured():
    assert headline("pass", (PASS,), ONE, self_test=True).startswith("Self-test: no product was measured. ")


CASES = [
    (
        "pass",
        (PASS, MET),
        ONE,
        (
            "All 2 compared figures are within 20 %; a p99 that got 20 % slower would have been found "
            "in 42 % of cases. The one target judged is met."
        ),
    ),
    (
        "pass",
        (MET,),
        ONE,
        (
            "The one compared figure is within 20 %; a p99 that got 20 % slower would have been found "
            "in 42 % of cases. The one target judged is met."
        ),
    ),
    (
        "pass",
        (MET,) * 3,
        ONE,
        (
            "All 3 compared figures are within 20 %; a p99 that got 20 % slower would have been found "
            "in 42 % of cases. All 3 targets judged are met."
        ),
    ),
    (
        "target missed",
        (made_row(RowVerdict.PASS, RowReason.WITHIN_TOLERANCE, target=made_target(TargetVerdict.MISSED, 123.0)),),
        ONE,
        "Boot script p99 misses its target: 123 ms, the target is below 100 ms (ADR-012).",
    ),
    (
        "invalid",
        (),
        (
            made_scenario(
                valid=False,
                reasons=(RunReason.GENERATOR_SATURATED,),
                problems=(
                    RunProblem(
                        reason=RunReason.GENERATOR_SATURATED, text="x", measured={"late_ms": 83, "tolerated_ms": 40}
                    ),
                ),
            ),
        ),
        (
            "The load generator was the bottleneck (k6 was 83 ms late; limit 40 ms). Nothing is "
            "said about the stack. Do this: Use a larger runner, fewer VUs (--vus of chamiperf load), "
            "or a longer pace; see docs/runner.md."
        ),
    ),
    (
        "invalid",
        (),
        (made_scenario(repeat_reasons=(RunReason.THROTTLED,)),),
        (
            "boot_storm is not decided: it was measured again, and not each of its runs can be "
            "judged: the stack answered 429 (too many requests). Measure again."
        ),
    ),
    (
        "invalid",
        (made_row(RowVerdict.UNAVAILABLE, RowReason.NOT_MEASURED), PASS),
        ONE,
        "Boot script p99 is in the baseline and was not measured.",
    ),
    (
        "invalid",
        (made_row(RowVerdict.INVALID, RowReason.FINGERPRINT_MISMATCH, detail="profile: quick here, full there"),),
        ONE,
        (
            "Boot script p99 has a baseline only for other circumstances (“profile: quick here, full "
            "there”). Accept runs, in a clone: `chamiperf baselines init --history-branch "
            "chamiperf-data --environment lab --link URL`."
        ),
    ),
    (
        "invalid",
        (made_row(RowVerdict.UNAVAILABLE, RowReason.NO_BASELINE),) * 3,
        ONE,
        (
            "Boot script p99 was measured and has no accepted run to compare with. 2 more rows like "
            "it. Accept runs, in a clone: `chamiperf baselines init --history-branch chamiperf-data "
            "--environment lab --link URL`."
        ),
    ),
    (
        "invalid",
        (made_row(RowVerdict.INVALID, RowReason.ERROR_BURST, change=None),),
        ONE,
        (
            "Boot script p99: not judged: over 1 % of the requests failed in more than a quarter of "
            "the windows. 99.0 ms now."
        ),
    ),
    (
        "learning",
        (MET,),
        (made_scenario(learning_runs=2, baseline_runs=0),),
        ("Targets are checked; comparison starts with 5 accepted runs. The one target judged is met."),
    ),
    (
        "learning",
        (MET,),
        (made_scenario(learning_runs=5, baseline_runs=0), made_scenario("auth_under_load")),
        (
            "Targets are checked; there are 5 runs to make a baseline of, and none is accepted yet. "
            "The one target judged is met. Accept them, in a clone: `chamiperf baselines init "
            "--history-branch chamiperf-data --environment lab --link URL`."
        ),
    ),
    (
        "learning",
        (MET,),
        (made_scenario(learning_runs=5, baseline_runs=3),),
        (
            "Targets are checked; some metrics have no accepted run yet, so their slow-downs cannot "
            "be seen. The one target judged is met. Accept them, in a clone: `chamiperf baselines "
            "init --history-branch chamiperf-data --environment lab --link URL`."
        ),
    ),
    (
        "drift",
        (made_row(RowVerdict.INCONCLUSIVE, RowReason.DRIFT, metric="p99 drift", compared=False),),
        ONE,
        (
            "Boot script p99: 21 % slower over the last 7 nights (8 to 35 %): a slow drift. "
            "Nothing regressed tonight. Find what changed since then, or accept the new level."
        ),
    ),
    (
        "inconclusive",
        (PASS, made_row(RowVerdict.INCONCLUSIVE, RowReason.NOISY, suspect=True)),
        ONE,
        (
            "1 of 2 rows could not be decided; nothing is shown to have regressed. No target was "
            "judged. 1 row is worth measuring again: `chamiperf confirm`."
        ),
    ),
]


@pytest.mark.parametrize(("word", "rows", "scenarios", "said"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)])
def test_each_outcome_is_one_sentence(word, rows, scenarios, said):
    assert headline(word, rows, scenarios) == said


def test_a_quick_run_without_accepted_runs_says_first_that_targets_alone_were_judged():
    assert headline("targets only", (MET,), ONE).startswith("Targets only: no run of profile full is accepted")


def test_what_could_not_be_seen_is_said_with_numbers():
    assert spots_said((REGRESSED,), (made_scenario(baseline_runs=2, same_build=True),)) == (
        (
            "Runs of the same build differ by about 6.0 % in p99 (sigma): a slow-down of 20 % is found in about 42 % "
            "of cases by repeats, 86 % by pairs (simulated with known truth, docs/verdict.md section 12)."
        ),
        "The smallest slow-down that three runs find in 80 % of cases is 19.4 % (Boot script p99).",
        "boot_storm is compared with 2 accepted runs; 5 from 5 nights would narrow every interval.",
    )


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ({"late_ms": 83.0, "tolerated_ms": 40.0}, " (k6 was 83 ms late; limit 40 ms)"),
        ({"late_ms": 40.3, "tolerated_ms": 40.0}, " (k6 was 40.3 ms late; limit 40.0 ms)"),
        ({"late_ms": 40.004, "tolerated_ms": 40.0}, " (k6 was 40.004 ms late; limit 40.000 ms)"),
        (
            {"late_ms": 60.0, "tolerated_ms": 40.0, "other_percent": 54.0},
            " (k6 was 60 ms late; limit 40 ms; other processes took 54 % of the machine)",
        ),
        ({"other_percent": 46.0}, " (other processes took 46 % of the machine)"),
        ({}, ""),
    ],
)
def test_a_saturated_generator_is_named_with_what_was_measured(measured, said):
    problem = RunProblem(reason=RunReason.GENERATOR_SATURATED, text="", measured=measured)
    scenario = made_scenario(valid=False, reasons=(RunReason.GENERATOR_SATURATED,), problems=(problem,))
    assert why_invalid(scenario) == f"the load generator was the bottleneck{said}"


def test_a_difference_is_called_noise_only_where_no_row_is_doubtful():
    same = (made_scenario(baseline_runs=5, same_build=True),)
    noise = "boot_storm: both sides are the same build (A/A), so a difference is noise."
    calm = made_row(verdict=RowVerdict.PASS, reason=RowReason.WITHIN_TOLERANCE)
    assert noise in spots_said((calm,), same)
    doubtful = (
        {"verdict": RowVerdict.INCONCLUSIVE, "suspect": True},
        {"verdict": RowVerdict.INCONCLUSIVE, "reason": RowReason.DRIFT, "compared": False},
        {"verdict": RowVerdict.INCONCLUSIVE, "reason": RowReason.PART_OF_RUN},
        {"verdict": RowVerdict.INCONCLUSIVE, "reason": RowReason.NO_EARLIER_FIGURE},
        {"verdict": RowVerdict.INCONCLUSIVE, "reason": RowReason.RUNS_DISAGREE},
        {"verdict": RowVerdict.INVALID, "reason": RowReason.MACHINE_BUSY},
        {"verdict": RowVerdict.REGRESSION},
        {"verdict": RowVerdict.IMPROVEMENT, "reason": RowReason.FASTER},
        {"verdict": RowVerdict.PASS, "reason": RowReason.SLOWER_WITHIN_TOLERANCE},
        {"verdict": RowVerdict.INCONCLUSIVE, "reason": RowReason.NOISY, "above_tolerance_unconfirmed": True},
    )
    for changes in doubtful:
        assert noise not in spots_said((made_row(**changes),), same), changes


@pytest.mark.parametrize(
    ("nights", "said"),
    [
        (1, ("A slow drift of boot_storm shows in 7 nights; 1 of them is known.",)),
        (6, ("A slow drift of boot_storm shows in 7 nights; 6 of them are known.",)),
        (7, ()),
        (None, ()),
    ],
)
def test_a_slow_drift_is_not_seen_in_a_few_nights(nights, said):
    assert spots_said((), (made_scenario(baseline_runs=5, drift_nights=nights),)) == said


def test_of_pairs_that_stand_alone_no_accepted_run_is_told():
    row = made_row(by_pairs=True)
    assert spots_said((row,), (made_scenario(baseline_runs=2),)) == (
        "The smallest slow-down that these pairs find in 80 % of cases is 19.4 % (Boot script p99).",
        "boot_storm was measured by 2 pairs; five are needed to decide.",
    )
    assert len(spots_said((row,), (made_scenario(baseline_runs=5),))) == 1


def test_where_pairs_decide_the_suspects_alone_the_accepted_runs_are_told():
    rows = (made_row(by_pairs=True), made_row(metric="p50"))
    *_, runs, pairs, thin = spots_said(rows, (made_scenario(baseline_runs=2),))
    assert runs.startswith("The smallest slow-down that three runs find")
    assert pairs.startswith("The smallest slow-down that these pairs find")
    assert thin.startswith("boot_storm is compared with 2 accepted runs")


@pytest.mark.parametrize(("sigma", "found"), [(0.03, "91 %"), (0.0301, "84 %"), (0.08, "42 %"), (0.081, "under 42 %")])
def test_what_a_runner_sees_follows_from_its_noise(sigma, found):
    row = made_row(change=made_change(sigma=sigma))
    assert found in spots_said((row,), ONE)[0]


UNKNOWN = (made_row(RowVerdict.UNAVAILABLE, RowReason.NO_BASELINE),)
OTHERWISE = {
    "environment_accepted": True,
    "accepted_otherwise": ("parameters: vus 150 here, 200 there",),
    "baseline_runs": 0,
}
CURES = {
    "nothing of the environment": ({"baseline_runs": 0}, "baselines init {} --link URL"),
    "another scenario of it": (
        {"baseline_runs": 0, "environment_accepted": True},
        "update-baseline propose --reason TEXT {}",
    ),
    "made otherwise": (OTHERWISE, "update-baseline propose --reason TEXT {} --overrule fingerprint"),
    "a full baseline without the metric": (
        {"environment_accepted": True},
        "update-baseline propose --reason TEXT {} --replace --scenario boot_storm",
    ),
}


@pytest.mark.parametrize(("scenario", "command"), CURES.values(), ids=CURES)
def test_after_the_learning_nights_the_headline_names_the_command_for_this_environment(scenario, command):
    said = headline("invalid", UNKNOWN, (made_scenario(**scenario),), nights=22)
    assert said.startswith("Boot script p99 was measured")
    assert "The 21 learning nights are over." in said
    assert f"`chamiperf {command.format('--history-branch chamiperf-data --environment lab')}`." in said


@pytest.mark.parametrize("nights", [None, 21])
def test_where_no_learning_nights_are_over_none_are_said_to_be(nights):
    said = headline("invalid", UNKNOWN, (made_scenario(baseline_runs=0),), nights=nights)
    assert "learning nights" not in said


def test_a_name_that_no_environment_can_have_gets_into_no_command():
    scenario = made_scenario(baseline_runs=0, fingerprint=made_fingerprint(environment="lab; rm -rf ~"))
    said = headline("invalid", UNKNOWN, (scenario,), nights=22)
    assert "--environment NAME " in said


def test_accepted_runs_made_otherwise_are_not_called_none():
    said = headline("learning", (MET,), (made_scenario(learning_runs=1, **OTHERWISE),))
    assert said == (
        "Targets are checked: the accepted runs were made otherwise (“parameters: vus 150 here, 200 there”), so "
        "slow-downs cannot be seen. The one target judged is met."
    )
