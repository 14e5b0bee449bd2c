import math
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines, fingerprint_key
from chamiperf_ci.models.run import RunKind, RunProblem, Unavailable
from chamiperf_ci.models.target import Identity, StackKind
from chamiperf_ci.models.vocabulary import RowVerdict, RunReason
from chamiperf_ci.steps.baselines import propose as step
from chamiperf_ci.steps.baselines.candidates import Override, from_run
from chamiperf_ci.steps.baselines.propose import Intent, apply_patch
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.steps.compare.measure import measure
from chamiperf_ci.verdict.change import change
from chamiperf_ci.verdict.statistic import centre

WANTED = Intent(act="add", who="ada", reason="the stack as it is", today=date(2026, 3, 9))
REPLACING = replace(WANTED, act="replace")
EMPTY = shipped_baselines()


def propose(baselines, runs, wanted):
    return step.propose(baselines, [from_run(run, baselines) for run in runs], wanted)


def repeats(number, factor=1.0, noise=0.0):
    """A night's run and its two fresh repeats, all on the same day."""
    first = made_run(number, factor=factor, noise=noise)
    later = [made_run(number + step, factor=factor, noise=noise) for step in (1, 2)]
    return [first, *(run.model_copy(update={"run_kind": RunKind.REPEAT}) for run in later)]


def quantities(verdict):
    return [row for row in verdict.rows if row.change is not None]


def test_a_proposal_says_old_new_and_change_of_each_metric():
    before = accepting(EMPTY, [made_run(0)])
    proposal = propose(before, [made_run(1, factor=1.1)], REPLACING)
    [p99] = [row for row in proposal.rows if row.key.metric == "p99"]
    assert (p99.old_runs, p99.new_runs, round(p99.ratio, 2)) == (1, 1, 0.10)


def test_a_proposal_leaves_the_present_file_alone():
    propose(EMPTY, [made_run(0)], WANTED)
    assert shipped_baselines() == EMPTY


def test_an_accepted_run_says_who_why_when_and_how():
    [entry] = propose(EMPTY, [made_run(0)], WANTED).baselines.accepted_runs.values()
    run = entry.runs[0]
    assert (run.who, run.why, run.accepted_on, run.act) == ("ada", "the stack as it is", date(2026, 3, 9), "add")
    assert run.identities == (Identity(service="bss", version="1.4.0", commit="1a2b3c4"),)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_change_without_a_reason_is_refused(reason):
    with pytest.raises(ConfigurationError, match="needs a reason"):
        propose(EMPTY, [made_run(0)], replace(WANTED, reason=reason))


def test_runs_of_several_environments_are_refused():
    runs = [made_run(0), made_run(1, fingerprint={"environment": "prod"})]
    with pytest.raises(ConfigurationError, match=r"several environments: lab \(deployed\), prod \(deployed\)"):
        propose(EMPTY, runs, WANTED)


def test_embedded_and_deployed_runs_never_mix():
    runs = [made_run(0), made_run(1, fingerprint={"stack_kind": StackKind.EMBEDDED})]
    with pytest.raises(ConfigurationError, match="several environments"):
        propose(EMPTY, runs, WANTED)


def test_no_run_at_all_is_refused():
    with pytest.raises(ConfigurationError, match="there is no run to accept"):
        propose(EMPTY, [], WANTED)


def test_a_run_given_twice_is_refused():
    with pytest.raises(ConfigurationError, match="given twice"):
        propose(EMPTY, [made_run(0), made_run(0)], WANTED)


def test_a_run_accepted_before_is_refused():
    with pytest.raises(ConfigurationError, match="accepted already"):
        propose(accepting(EMPTY, [made_run(0)]), [made_run(0)], WANTED)


def test_a_sixth_run_is_refused():
    full = accepting(EMPTY, [made_run(number) for number in range(5)])
    with pytest.raises(ConfigurationError, match=r"there would be 6 accepted runs.*--replace"):
        propose(full, [made_run(5)], WANTED)


SATURATED = RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %")
UNFIT = {
    Override.INVALID: made_run(1, problems=(SATURATED,)),
    Override.INCOMPLETE: made_run(1, complete=False),
    Override.KIND: made_run(1, run_kind=RunKind.DRILL),
    Override.FAULT: made_run(1, injected_faults=("bss bootscript +6 ms",)),
    Override.FINGERPRINT: made_run(1, fingerprint={"machine_class": "2c-8GiB"}),
    Override.MISSED_TARGET: made_run(1, failed=60_000),
}


@pytest.mark.parametrize("kind", list(UNFIT))
def test_an_unfit_run_is_refused_unless_overruled(kind):
    with pytest.raises(ConfigurationError, match=rf"is not accepted: .*--overrule {kind};"):
        propose(accepting(EMPTY, [made_run(0)]), [UNFIT[kind]], WANTED)


@pytest.mark.parametrize("kind", list(UNFIT))
def test_what_was_overruled_stands_in_the_file(kind):
    wanted = replace(WANTED, overrule=frozenset({kind}))
    proposal = propose(accepting(EMPTY, [made_run(0)]), [UNFIT[kind]], wanted)
    accepted = {run.run_id: run for entry in proposal.baselines.accepted_runs.values() for run in entry.runs}
    [recorded] = accepted[UNFIT[kind].run_id].overrides
    assert recorded.startswith(f"{kind}: ")
    assert proposal.overrides == (recorded,)


def test_an_endpoint_that_fails_is_refused_whatever_is_overruled():
    wanted = replace(WANTED, overrule=frozenset(Override) - {Override.FAILING})
    for failing in (made_run(1, failed=6_000_000), made_run(1, failed=70_000)):
        with pytest.raises(ConfigurationError, match=r"requests of bootscript failed; at most 1 % may.*Fix what fails"):
            propose(EMPTY, [failing], wanted)


def test_an_endpoint_that_was_never_asked_is_refused():
    run = made_run(1)
    silent = run.traffic[0].model_copy(update={"endpoint": "token", "requests": 0, "failed": 0})
    with pytest.raises(ConfigurationError, match="token was never asked"):
        propose(EMPTY, [run.model_copy(update={"traffic": (*run.traffic, silent)})], WANTED)


def test_an_endpoint_that_the_stack_does_not_have_is_not_missed():
    run = made_run(1)
    silent = run.traffic[0].model_copy(update={"endpoint": "target-create", "requests": 0, "failed": 0})
    lacking = Unavailable(what="discovery", reason="no URL is given", endpoints=("target-create",))
    found = run.model_copy(update={"traffic": (*run.traffic, silent), "unavailable": (lacking,)})
    assert propose(EMPTY, [found], WANTED).baselines.accepted_runs


def test_overruling_one_objection_does_not_overrule_another():
    run = made_run(1, complete=False, problems=(SATURATED,))
    with pytest.raises(ConfigurationError, match="generator-saturated"):
        propose(EMPTY, [run], replace(WANTED, overrule=frozenset({Override.INCOMPLETE})))


def without_the_first_run(baselines):
    data = baselines.model_dump(mode="json", by_alias=True)
    for entry in data["accepted_runs"].values():
        del entry["runs"][0]
    return Baselines.model_validate(data)


def test_an_edit_by_hand_is_not_hidden_by_a_new_digest():
    edited = without_the_first_run(accepting(EMPTY, [made_run(0), made_run(1)]))
    with pytest.raises(ConfigurationError, match="added or removed by hand"):
        propose(edited, [made_run(2)], WANTED)


def test_the_baseline_of_a_machine_that_is_gone_is_retired():
    gone = made_run(1, fingerprint={"machine_class": "2c-8GiB"})
    both = accepting(EMPTY, [made_run(0), gone])
    retired = step.retire(both, [fingerprint_key(gone.fingerprint)])
    assert retired.baselines == accepting(EMPTY, [made_run(0)])
    assert {(row.old_runs, row.new) for row in retired.rows} == {(1, None)}
    assert apply_patch(both, retired.patch, where="p.json") == retired.baselines


def test_what_is_not_there_cannot_be_retired():
    with pytest.raises(ConfigurationError, match="there are no accepted runs of lab:boot"):
        step.retire(EMPTY, ["lab:boot"])


def test_quick_runs_have_accepted_runs_of_their_own():
    quick = made_run(1, run_kind=RunKind.QUICK, fingerprint={"profile": "quick"})
    proposal = propose(accepting(EMPTY, [made_run(0)]), [quick], WANTED)
    assert sorted(len(entry.runs) for entry in proposal.baselines.accepted_runs.values()) == [1, 1]


def test_a_run_far_from_the_others_is_warned_of():
    runs = [made_run(number) for number in range(4)]
    proposal = propose(EMPTY, [*runs, made_run(4, factor=2.0)], WANTED)
    assert any("run boot0004 lies more than 3 sigma from the others" in text for text in proposal.warnings)


def test_runs_alike_from_different_nights_give_no_warning():
    assert propose(EMPTY, [made_run(number, noise=0.02) for number in range(5)], WANTED).warnings == ()


def test_different_builds_are_warned_of():
    other = made_run(1, identities=(Identity(service="bss", version="1.5.0"),))
    assert any("different builds" in text for text in propose(EMPTY, [made_run(0), other], WANTED).warnings)


def test_runs_of_one_day_are_warned_of():
    same_day = made_run(1).model_copy(update={"started_at": made_run(0).started_at})
    assert any("2 runs from 1 day;" in text for text in propose(EMPTY, [made_run(0), same_day], WANTED).warnings)


def warned_thin(before, runs, wanted):
    baselines = accepting(EMPTY, [made_run(number) for number in range(before)])
    found = propose(baselines, [made_run(number) for number in range(10, 10 + runs)], wanted).warnings
    return [text.split(": ", 1)[1] for text in found if "too few" in text]


@pytest.mark.parametrize(("before", "runs", "said"), [(5, 1, "1 run instead of 5"), (3, 2, "2 runs instead of 3")])
def test_a_baseline_that_would_be_left_thin_is_warned_of(before, runs, said):
    assert warned_thin(before, runs, REPLACING) == [f"{said}: too few to find most slow-downs"]


@pytest.mark.parametrize(
    ("before", "runs", "wanted"),
    [
        pytest.param(5, 3, REPLACING, id="three can decide"),
        pytest.param(1, 1, REPLACING, id="no fewer than before"),
        pytest.param(1, 1, WANTED, id="added"),
    ],
)
def test_a_baseline_that_is_not_left_thinner_is_not_warned_of(before, runs, wanted):
    assert warned_thin(before, runs, wanted) == []


def test_replaced_by_a_run_the_same_run_shows_no_change():
    run = made_run(10, factor=1.4)
    baselines = propose(accepting(EMPTY, [made_run(number) for number in range(5)]), [run], REPLACING).baselines
    rows = quantities(judge(NightInput(runs=[run], baselines=baselines)).verdict)
    assert len(rows) == 3
    assert all(abs(row.change.ratio) < 0.001 for row in rows)


def test_replaced_by_a_set_of_runs_the_same_runs_show_no_change():
    runs = [made_run(number, factor=1.4, noise=0.05) for number in range(10, 15)]
    baselines = propose(accepting(EMPTY, [made_run(0)]), runs, REPLACING).baselines
    [entry] = baselines.accepted_runs.values()
    for metric in ("p50", "p95", "p99"):
        current = [found.formed.value for run in runs for found in measure(run) if found.key.metric == metric]
        compared = change([row.value for row in entry.rows("bootscript", metric)], current, prior_sd=0.08)
        assert abs(compared.d) < 0.0002


def test_added_runs_never_move_away_from_the_baseline():
    five = [made_run(number, noise=0.05) for number in range(3)]
    current = [made_run(10, factor=1.15)]
    before = accepting(EMPTY, five)
    after = accepting(before, current)
    old, new = (judge(NightInput(runs=current, baselines=one)).verdict for one in (before, after))
    assert quantities(old)
    for earlier, later in zip(quantities(old), quantities(new), strict=True):
        assert abs(later.change.d) <= abs(earlier.change.d)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=4),
    st.lists(st.floats(-3, 3), min_size=1, max_size=4),
)
def test_a_centre_never_moves_away_from_values_that_join(baseline, joining):
    target = centre(sorted(joining))
    before, after = (abs(target - centre(sorted(values))) for values in (baseline, baseline + joining))
    assert after <= before or math.isclose(after, before, abs_tol=1e-12)


def test_after_acceptance_runs_half_as_slow_again_are_regressions():
    slower = [made_run(number, factor=1.5, noise=0.02) for number in range(10, 15)]
    baselines = accepting(accepting(EMPTY, [made_run(0)]), slower, act="replace")
    verdict = judge(NightInput(runs=repeats(20, factor=2.25, noise=0.02), baselines=baselines)).verdict
    found = {row.key.metric: row.verdict for row in quantities(verdict)}
    assert {found[name] for name in ("p50", "p95", "p99")} == {RowVerdict.REGRESSION}
