import pytest

from chamiperf_ci.steps.server_metrics.tracks import Recorder, Track


def track(*values, times=None):
    return Track("x", (), times or [float(second) for second in range(len(values))], [float(value) for value in values])


def recording(*looks):
    recorder = Recorder()
    for time, samples in looks:
        recorder.add(time, samples)
    return recorder.recording()


@pytest.mark.parametrize(
    ("values", "risen"),
    [
        pytest.param((10, 12, 15), 5, id="steadily"),
        pytest.param((10, 12, 3, 4), 2 + 3 + 1, id="a restart counts from 0"),
        pytest.param((10, 12, 0, 0), 2, id="a restart that counted nothing yet"),
        pytest.param((7,), 0, id="one look shows nothing"),
        pytest.param((), 0, id="none"),
    ],
)
def test_a_counter_rises(values, risen):
    assert track(*values).increase(first_look=0.0) == risen


def test_a_series_that_appears_later_was_zero_before():
    assert track(5, 8, times=[2.0, 3.0]).increase(first_look=0.0) == 8


def test_a_fall_is_a_restart_at_the_time_it_was_seen():
    assert track(5, 6, 1, 2).restarts() == (2.0,)


def test_only_what_was_seen_in_the_phase_counts():
    assert list(track(1, 2, 3, 4).between(1.0, 2.0).values) == [2.0, 3.0]


def test_a_distance_far_above_the_usual_one_is_a_gap():
    assert recording(*((time, ()) for time in (0, 1, 2, 9, 10))).gaps == (7,)


def test_a_gauge_is_added_up_over_its_series_at_each_look():
    seen = recording((0, [("x", (("a", "1"),), 1), ("x", (("a", "2"),), 2)]), (1, [("x", (("a", "1"),), 5)]))
    assert seen.totals("x") == [3, 5]


def test_a_new_load_forgets_all_but_what_lasts():
    recorder = Recorder()
    recorder.add(0, [("memory", (), 1), ("requests", (), 1)])
    recorder.keep_only(frozenset({"memory"}))
    assert set(recorder.recording().tracks) == {"memory"}
