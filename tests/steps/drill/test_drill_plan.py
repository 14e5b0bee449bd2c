from collections import Counter

import pytest

from chamiperf_ci.steps.drill.measure import Part, schedule


def test_eight_runs_of_unchanged_code_are_a_baseline_and_one_comparison():
    assert schedule(8, 0, [0.4]) == (Part("baseline", 0.0, 5), Part("unchanged", 0.0, 3))


def test_what_makes_no_comparison_is_measured_for_the_noise_last():
    assert schedule(10, 1, [0.4])[-1] == Part("noise", 0.0, 2)


@pytest.mark.parametrize("runs", [8, 9, 12, 65])
def test_every_run_of_unchanged_code_is_made_once(runs):
    assert sum(part.runs for part in schedule(runs, 3, [0.1, 0.4]) if not part.effect) == runs


def test_each_effect_is_judged_as_often_as_asked():
    counts = Counter(part.effect for part in schedule(8, 4, [0.05, 0.1, 0.2, 0.4]) if part.purpose == "slowed")
    assert counts == {0.05: 4, 0.1: 4, 0.2: 4, 0.4: 4}


def test_unchanged_and_slowed_comparisons_take_turns():
    purposes = [part.purpose for part in schedule(14, 2, [0.4])]
    assert purposes == ["baseline", "unchanged", "slowed", "unchanged", "slowed", "unchanged"]
