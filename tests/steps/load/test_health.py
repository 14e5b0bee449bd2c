"""Was the generator the bottleneck?"""

import pytest
from made_loads import distribution, series, summary, vitals

from chamiperf_ci.models.run import PhaseHealth, ScriptHealth
from chamiperf_ci.models.target import Machine
from chamiperf_ci.steps.load.validity import foreign_cpu, judge, late_waking_ms, other_phases


def _judged(*, cpu=50.0, overrun=1.0, late=1.0, p50=10.0, cores=2, foreign=1.0, **limits):
    """A generator with these numbers (p99 of what was late), under which half of the requests took up to `p50` ms."""
    latency = series({"sustained": distribution(1000, 1.0, 20 * p50, p50=p50, p99=10 * p50)})
    health = ScriptHealth(
        overrun_ms=distribution(100, 0.0, 2 * overrun, p50=0.0, p99=overrun),
        stall_ms=distribution(100, 0.0, 2 * late, p50=0.0, p99=late),
    )
    samples = [vitals(cpu=cpu, foreign=foreign, **limits)] * 20
    return judge(samples, summary(series=(latency,), health=health), cores=cores, rss_mb=200.0)


@pytest.mark.parametrize(
    ("numbers", "saturated"),
    [
        pytest.param({}, False, id="all is well"),
        pytest.param({"p50": 5000.0}, False, id="a slow server, a punctual generator"),
        pytest.param({"cpu": 179.0}, False, id="busy, and punctual"),
        pytest.param({"cpu": 181.0}, True, id="nearly the whole machine"),
        pytest.param({"cpu": 181.0, "cores": 8}, False, id="the same on a larger machine"),
        pytest.param({"cpu": 91.0, "usable_cores": 1.0}, True, id="nearly the one core to which it is kept"),
        pytest.param({"cpu": 89.0, "usable_cores": 1.0}, False, id="busy on the one core to which it is kept"),
        pytest.param({"cpu": 46.0, "usable_cores": 0.5}, True, id="nearly its quota of half a core"),
        pytest.param({"used_share": 0.91}, True, id="one of several processes is at its limit"),
        pytest.param({"wanted_share": 0.89}, False, id="it waits for processors now and then"),
        pytest.param({"wanted_share": 0.91}, True, id="it always has something to run"),
        pytest.param({"stopped_share": 0.01}, False, id="found stopped once"),
        pytest.param({"stopped_share": 0.3}, True, id="stopped a third of the time"),
        pytest.param({"overrun": 39.0}, False, id="iterations nearly too long"),
        pytest.param({"overrun": 41.0}, True, id="iterations take long outside their requests"),
        pytest.param({"late": 39.0}, False, id="VUs wake nearly too late"),
        pytest.param({"late": 41.0}, True, id="VUs wake late"),
        pytest.param({"late": 41.0, "p50": 500.0}, False, id="late, but little beside a slow server"),
        pytest.param({"late": 86.0, "p50": 353.0}, True, id="so late that the median may be the generator's own"),
        pytest.param({"late": 240.0, "p50": 5000.0}, False, id="very late, beside a very slow server"),
        pytest.param({"late": 260.0, "p50": 5000.0}, True, id="too late whatever the server does"),
    ],
)
def test_a_generator_is_saturated_when_it_is_late_and_not_when_the_server_is(numbers, saturated):
    judged = _judged(**numbers)
    assert judged.saturated is saturated
    assert bool(judged.reasons) is saturated


def test_each_reason_has_its_number():
    assert _judged(cpu=190.0, overrun=300.0, late=400.0).reasons == (
        "k6 used 190 % CPU of 200 %",
        "iterations took 300 ms outside their requests and their pacing sleep (p99); 40 ms are tolerated",
        "VUs woke 400 ms late from their pacing sleep (p99); 40 ms are tolerated",
    )


def test_what_held_it_back_has_its_numbers():
    held = {"usable_cores": 0.5, "used_share": 0.96, "wanted_share": 0.99, "stopped_share": 0.3}
    assert _judged(cpu=48.0, **held).reasons == (
        "k6 used 48 % CPU of 50 %",
        "k6 wanted 99 % of the processors that it may run on, and used 96 %",
        "k6 was stopped 30 % of the time",
    )
    assert _judged(cpu=48.0, **held).cores == 1
    assert _judged(used_share=0.97).reasons == ("one k6 process used 97 % of the processor time that it may use",)


def test_what_is_late_is_never_as_late_as_is_tolerated():
    assert _judged(late=40.3).reasons == ("VUs woke 40.3 ms late from their pacing sleep (p99); 40 ms are tolerated",)


def test_other_work_beside_a_late_generator_is_named():
    assert _judged(late=60.0, foreign=54.0).reasons[-1] == "other processes took 54 % of the machine meanwhile"
    assert not _judged(foreign=54.0).saturated


def test_a_moment_of_full_load_is_no_saturation():
    samples = [vitals(cpu=50.0)] * 99 + [vitals(cpu=200.0)]
    assert not judge(samples, summary(), cores=2, rss_mb=200.0).saturated


def test_a_load_without_pacing_has_no_late_waking():
    assert late_waking_ms(ScriptHealth(overrun_ms=distribution(), stall_ms=None)) == 0.0


def test_late_waking_is_not_exaggerated_by_what_the_scripts_record_in_addition():
    # A fair sample of 1,000, all punctual, and 100 of 16,000 wake-ups that were more than 50 ms late.
    recorded = distribution(1100, 0.0, 80.0, p1=0.0, p90=1.0, p95=60.0, p99=75.0)
    assert late_waking_ms(ScriptHealth(overrun_ms=distribution(1000), stall_ms=recorded)) == pytest.approx(1.0, abs=1.0)


def test_a_summary_without_samples_gives_zeros_and_not_an_error():
    judged = judge([], summary(series=(), health=ScriptHealth()), cores=2, rss_mb=0.0)
    assert (judged.cpu_percent_p95, judged.overrun_ms_p99, judged.stall_ms_max, judged.saturated) == (0, 0, 0, False)


def _phases(**late):
    """A summary in whose phases VUs woke so many ms late."""
    health = {
        phase: PhaseHealth(overrun_ms=distribution(100, 0, 2), stall_ms=distribution(100, 0.0, 2 * ms, p50=0.0, p99=ms))
        for phase, ms in late.items()
    }
    whole = PhaseHealth(overrun_ms=distribution(100, 0, 2), stall_ms=distribution(100, 0, 900))
    return summary(series=(), health=ScriptHealth(phases=health, **whole.model_dump()))


def test_a_spike_that_the_generator_cannot_do_leaves_the_sustained_phase_its_verdict():
    uneven = _phases(sustained=1.0, spike=400.0)
    assert not judge([], uneven, cores=2, rss_mb=0.0).saturated
    (said,) = other_phases(uneven)
    assert said.startswith("in the phase spike the load generator was the bottleneck: VUs woke 400 ms late")


def test_a_sustained_phase_in_which_the_generator_was_late_is_not_saved_by_the_others():
    assert judge([], _phases(sustained=400.0, spike=1.0), cores=2, rss_mb=0.0).saturated


def test_other_work_is_stated_as_a_mean_and_for_the_quarter_that_had_most_of_it():
    shares = [0.0, 2.0, 0.0, 80.0, 60.0, 2.0, 0.0, 0.0]
    seen = [vitals(foreign=share) for share in shares]
    assert foreign_cpu(seen) == {
        "foreign_cpu_percent": 18.0,
        "foreign_cpu_percent_busiest_quarter": 70.0,
    }
    assert set(foreign_cpu([]).values()) == {None}
    assert set(foreign_cpu(seen)) <= set(Machine.model_fields)
