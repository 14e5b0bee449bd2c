from datetime import timedelta

import pytest
from made_runs import made_run
from said import facts_said

from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.errors import ConfigurationError, InvalidMeasurement
from chamiperf_ci.models.run import RunKind, RunProblem
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.compare.scenarios import environment_of, read_runs, runs_by_scenario

NIGHT = made_run(20)


def later(number, minutes, **changes):
    started = NIGHT.ended_at + timedelta(minutes=minutes)
    times = {"started_at": started, "ended_at": started + timedelta(minutes=15)}
    return made_run(20 + number, **({"run_kind": RunKind.REPEAT} | times | changes))


def test_repeats_stand_beside_their_night_in_time_order_whatever_the_order_of_files():
    first, second = later(1, 20), later(2, 60)
    for runs in ([NIGHT, first, second], [second, NIGHT, first]):
        (scenario_runs,) = runs_by_scenario(runs)
        assert scenario_runs.current == (NIGHT, first, second)


@pytest.mark.parametrize(("minutes", "same"), [(9.9, True), (10.0, False)])
def test_runs_less_than_ten_minutes_apart_are_one_sitting(minutes, same):
    (scenario_runs,) = runs_by_scenario([NIGHT, later(1, minutes)])
    assert scenario_runs.back_to_back is same


PROBLEM = RunProblem(reason=RunReason.THROTTLED, text="429 in 3 % of answers.")


@pytest.mark.parametrize(
    ("repeat", "why"),
    [
        pytest.param(later(1, -60), "older than the run it should repeat", id="of an earlier night"),
        pytest.param(later(1, 20, problems=(PROBLEM,)), "429 in 3 % of answers", id="invalid"),
        pytest.param(later(1, 20, complete=False), "did not come to its planned end", id="cut off"),
        pytest.param(
            later(1, 20, fingerprint={"machine_class": "2c-8GiB"}), "machine_class: 2c-8GiB here", id="other machine"
        ),
    ],
)
def test_a_repeat_that_cannot_be_one_is_set_aside_with_the_reason(repeat, why):
    (scenario_runs,) = runs_by_scenario([NIGHT, repeat])
    assert scenario_runs.repeats == ()
    assert why in facts_said(scenario_runs.set_aside)[0]


def test_an_invalid_repeat_is_remembered_as_one():
    (scenario_runs,) = runs_by_scenario([NIGHT, later(1, 20, problems=(PROBLEM,))])
    assert scenario_runs.failed == (RunReason.THROTTLED,)


def pair(number, *, old=None, **changes):
    old = later(2 * number, 40 * number, run_kind=RunKind.PAIR_OLD, **(old or {}))
    new = later(2 * number + 1, 40 * number + 20, run_kind=RunKind.PAIR_NEW, **changes)
    return old, new


def test_old_and_new_pair_up_in_time_order():
    (old_1, new_1), (old_2, new_2) = pair(1), pair(2)
    (scenario_runs,) = runs_by_scenario([new_2, NIGHT, old_1, old_2, new_1])
    assert scenario_runs.pairs == ((old_1, new_1), (old_2, new_2))


def test_half_a_pair_is_named_and_left_out():
    (scenario_runs,) = runs_by_scenario([NIGHT, *pair(1), pair(2)[0]])
    assert len(scenario_runs.pairs) == 1
    assert facts_said(scenario_runs.set_aside) == ("2 old and 1 new runs do not pair up; the last ones are left out.",)


def test_a_pair_with_an_invalid_half_is_left_out():
    (scenario_runs,) = runs_by_scenario([NIGHT, *pair(1, problems=(PROBLEM,))])
    assert (scenario_runs.pairs, scenario_runs.failed) == ((), (RunReason.THROTTLED,))


def test_pairs_may_stand_alone_and_their_first_new_run_is_judged():
    (scenario_runs,) = runs_by_scenario([*pair(1), *pair(2)])
    assert scenario_runs.only_pairs
    assert (scenario_runs.night.run_id, len(scenario_runs.pairs)) == (pair(1)[1].run_id, 2)


def test_of_pairs_alone_the_new_runs_of_the_pairs_that_are_used_are_judged():
    spoilt, (old_2, new_2), (old_3, new_3) = pair(1, old={"problems": (PROBLEM,)}), pair(2), pair(3)
    (scenario_runs,) = runs_by_scenario([*spoilt, old_2, new_2, old_3, new_3])
    assert scenario_runs.night == new_2
    assert scenario_runs.current == (new_2, new_3)
    assert scenario_runs.failed == (RunReason.THROTTLED,)


def test_the_old_side_of_pairs_is_another_target():
    elsewhere = {"fingerprint": {"environment": "old"}}
    runs = [run for number in (1, 2) for run in pair(number, old=elsewhere)]
    (scenario_runs,) = runs_by_scenario(runs)
    assert (len(scenario_runs.pairs), environment_of(runs)) == (2, "lab")


def test_old_and_new_on_other_machines_do_not_pair_up():
    (scenario_runs,) = runs_by_scenario(pair(1, old={"fingerprint": {"machine_class": "2c-8GiB"}}))
    assert (scenario_runs.pairs, scenario_runs.unlike) == ((), ("machine_class: 8c-32GiB here, 2c-8GiB there",))
    assert scenario_runs.unlike[0] in facts_said(scenario_runs.set_aside)[0]


def test_two_nights_of_one_scenario_are_refused():
    with pytest.raises(ConfigurationError, match="needs exactly one run to judge, found boot0020, boot0021"):
        runs_by_scenario([NIGHT, made_run(21)])


def test_repeats_without_their_night_are_refused():
    with pytest.raises(ConfigurationError, match="found none"):
        runs_by_scenario([later(1, 20)])


def test_runs_of_several_environments_are_refused():
    with pytest.raises(ConfigurationError, match="several environments: lab, site"):
        runs_by_scenario([NIGHT, made_run(1, scenario="auth_under_load", fingerprint={"environment": "site"})])


def test_a_folder_that_is_not_there_is_a_wrong_option(tmp_path):
    with pytest.raises(ConfigurationError, match="the runs do not exist"):
        read_runs([tmp_path / "runs"])


def test_an_empty_folder_is_a_missing_measurement(tmp_path):
    with pytest.raises(InvalidMeasurement, match="there is no run to judge"):
        read_runs([tmp_path])


def test_runs_are_read_in_the_order_of_their_names(tmp_path):
    for name, number in (("b", 1), ("a", 2)):
        write_document(tmp_path / f"{name}.json", made_run(number))
    assert [run.run_id for run in read_runs([tmp_path])] == ["boot0002", "boot0001"]
