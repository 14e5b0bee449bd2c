import pytest
from made_runs import made_run, shipped_baselines

from chamiperf_ci.models.vocabulary import RowReason, TargetVerdict
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.steps.server_metrics.figures import memory_growth
from chamiperf_ci.steps.server_metrics.tracks import Recorder

MEMORY = "process_resident_memory_bytes"


def growths(minutes, per_minute=0.0, restarted=None, pods=("",)):
    recorder = Recorder()
    for second in range(0, int(60 * minutes) + 1, 15):
        memory = [(MEMORY, (("pod", pod),) if pod else (), 1e8 * (1 + per_minute * second / 60)) for pod in pods]
        up = second if restarted is None or second < restarted else second - restarted
        recorder.add(float(second), [*memory, ("process_uptime_seconds", (), float(up))])
    return list(memory_growth("bss", recorder.recording(), str))


def test_steady_memory_over_half_an_hour_is_stable():
    (found,) = growths(40)
    assert (found.value, found.judged.verdict) == (0.0, TargetVerdict.MET)


def test_memory_that_grows_by_a_tenth_in_half_an_hour_is_not():
    (found,) = growths(40, per_minute=0.1 / 30)
    assert found.judged.verdict is TargetVerdict.MISSED


def test_a_short_look_proves_nothing():
    (found,) = growths(10, per_minute=0.1)
    assert (found.judged.verdict, found.judged.reason) == (TargetVerdict.UNAVAILABLE, RowReason.TOO_SHORT)


def test_a_restart_cuts_the_look_in_two():
    (found,) = growths(40, restarted=1200)
    assert found.judged.reason is RowReason.RESTARTED


def test_each_container_is_judged_by_itself():
    assert [found.labels for found in growths(40, pods=("a", "b"))] == [{"pod": "a"}, {"pod": "b"}]


def test_a_service_that_does_not_state_its_memory_is_not_judged():
    assert not list(memory_growth("bss", Recorder().recording(), str))


def judged(figures):
    """The row of a night whose services were seen to use so much memory."""
    verdict = judge(NightInput(runs=(made_run(server=tuple(figures)),), baselines=shipped_baselines())).verdict
    (row,) = [row for row in verdict.rows if row.key.metric == "memory_growth"]
    return row


@pytest.mark.parametrize(
    ("per_minute", "verdict"), [(0.0, TargetVerdict.MET), (0.1 / 30, TargetVerdict.MISSED)], ids=["stable", "leaking"]
)
def test_a_night_of_half_an_hour_gets_a_verdict_on_memory(per_minute, verdict):
    assert judged(growths(30, per_minute=per_minute)).target.verdict is verdict


def test_a_night_of_ten_minutes_says_that_memory_needs_thirty():
    row = judged(growths(10))
    assert (row.target.verdict, row.target.reason) == (TargetVerdict.UNAVAILABLE, RowReason.TOO_SHORT)
    assert [note.values for note in row.notes] == [{"text": "needs 30 minutes, saw 10"}]
