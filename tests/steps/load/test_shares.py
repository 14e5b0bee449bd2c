"""One machine's share of a load: its start, its clock, and the meeting with the others."""

import math
import threading
import time

import pytest
from made_targets import target_of

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.k6 import StopRequest
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.plan import UNCOLLECTED
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.load.plan import assign
from chamiperf_ci.steps.load.request import LoadOptions, read_profile
from chamiperf_ci.steps.load.shards import Rendezvous, ShardMissing, Share, clock_offset_s, require_start


class _Told:
    """A service whose clock is off, told in whole seconds over a road that takes time."""

    def __init__(self, off_s, way_s):
        self.now = 1_770_000_000.37
        self._off_s, self._way_s = off_s, way_s

    def operational(self, _service, _name):
        self.now += self._way_s
        told = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(math.floor(self.now + self._off_s)))
        self.now += self._way_s
        return type("Answer", (), {"headers": {"date": told}})()

    def wait(self, seconds):
        self.now += seconds


@pytest.mark.parametrize("off_s", [0.0, 0.3, -0.7, 5.21, -3600.4])
@pytest.mark.parametrize("way_s", [0.0005, 0.02])
def test_a_clock_that_tells_whole_seconds_is_known_to_the_milliseconds_that_its_answers_take(off_s, way_s):
    told = _Told(off_s, way_s)
    found = clock_offset_s(told, Service.SMD, clock=lambda: told.now, wait=told.wait)
    assert found == pytest.approx(off_s, abs=0.004 + way_s)


def test_a_service_that_tells_no_time_leaves_the_clock_unknown():
    silent = type("Silent", (), {"operational": lambda *_: type("Answer", (), {"headers": {}})()})()
    assert clock_offset_s(silent, Service.SMD, wait=lambda _: None) is None


@pytest.mark.parametrize(
    ("ahead_s", "offset_s", "kind", "text"),
    [
        (-1.0, 0.0, ShardMissing, "shard 1 of 2 came 1 s late for the common start"),
        (0.5, 0.8, ShardMissing, "late for the common start"),
        (1600.0, 0.0, ConfigurationError, "s ahead"),
        (60.0, 1.2, ShardMissing, r"1\.2 s behind the stack's"),
        (60.0, -7.0, ShardMissing, r"7\.0 s ahead of the stack's"),
    ],
)
def test_a_start_that_cannot_be_kept_is_refused(ahead_s, offset_s, kind, text):
    with pytest.raises(kind, match=text):
        require_start(Share(0, 2, start_at=time.time() + ahead_s, offset_s=offset_s))


def test_a_start_that_can_be_kept_is_taken():
    require_start(Share(1, 2, start_at=time.time() + 30, offset_s=-0.9))


def test_all_shards_write_under_one_name_and_each_start_under_its_own():
    one, two, later = (Share(0, 2, 100.0), Share(1, 2, 100.0, offset_s=0.3), Share(0, 2, 101.0))
    assert one.run_id("r1abc", "boot_storm") == two.run_id("r1abc", "boot_storm")
    assert later.run_id("r1abc", "boot_storm") != one.run_id("r1abc", "boot_storm")


def test_each_machine_needs_its_share_of_what_the_load_needs():
    plan = assign(read_profile("demo"), "boot_storm", LoadOptions(shard=(1, 3)))
    share = plan.share(3)
    assert (plan.segments, share.segments) == (3, 1)
    assert (share.connections, share.memory_mb) == (math.ceil(plan.connections / 3), pytest.approx(plan.memory_mb / 3))
    assert sum(share.peak_requests_per_s.values()) == pytest.approx(sum(plan.peak_requests_per_s.values()) / 3)


def test_each_machine_has_room_for_its_share(monkeypatch):
    """Twice the usual memory, so that little garbage is collected: 200 MB a machine, where the whole takes 600."""
    monkeypatch.setattr("chamiperf_ci.adapters.machine.available_mb", lambda: 0.0)
    usual_mb = assign(read_profile("demo"), "boot_storm", LoadOptions(shard=(1, 3))).memory_mb
    monkeypatch.setattr("chamiperf_ci.adapters.machine.available_mb", lambda: 2 * usual_mb / 3 / 0.89)
    alone = assign(read_profile("demo"), "boot_storm", LoadOptions(shards=3))
    shared = assign(read_profile("demo"), "boot_storm", LoadOptions(shard=(1, 3)))
    assert (alone.gogc, alone.memory_mb) == (None, usual_mb)
    assert (shared.gogc, shared.memory_mb) == (UNCOLLECTED, pytest.approx(2 * usual_mb))


def test_more_machines_than_vus_are_refused():
    with pytest.raises(ConfigurationError, match="3 VUs are planned, which 5 machines cannot share"):
        assign(read_profile("demo"), "boot_storm", LoadOptions(shard=(0, 5), vus=3, spike_vus=3))


def test_a_load_that_cannot_be_split_is_refused_on_several_machines():
    with pytest.raises(ConfigurationError, match="cannot be split over 2"):
        assign(read_profile("demo"), "dhcp_sync_burst", LoadOptions(shard=(0, 2)))


def _meet(state, number, found, *, run="r1 boot_storm", within_s=20.0):
    with Chamicore(target_of(state)) as client, StopRequest() as stop:
        meeting = Rendezvous(client, run, number, 3)
        try:
            found[number] = meeting.hold(stop, lambda _: None, lead_s=30.0, within_s=within_s, now=time.time)
        except ShardMissing as error:
            found[number] = str(error)
        finally:
            time.sleep(1.5)
            meeting.leave()


@pytest.mark.e2e
def test_machines_that_meet_agree_on_a_start_and_leave_nothing(embedded_stack):
    found = {}
    threads = [threading.Thread(target=_meet, args=(embedded_stack, number, found)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found.values())) == 1
    assert 20 < found[0] - time.time() < 40
    with Chamicore(target_of(embedded_stack)) as client:
        lock = client.dialect.objects["lock"]
        assert [client.read(lock, f"chamiperf-shard-{n}-of-3") for n in (1, 2, 3)] == [None] * 3
        assert client.read(lock, "chamiperf-shards-start") is None


@pytest.mark.e2e
def test_a_machine_that_never_comes_is_named_and_one_of_another_run_is_not_taken_for_it(embedded_stack):
    found, other = {}, {}
    threads = [
        threading.Thread(target=_meet, args=(embedded_stack, 0, found), kwargs={"within_s": 3.0}),
        threading.Thread(target=_meet, args=(embedded_stack, 1, found), kwargs={"within_s": 3.0}),
        threading.Thread(target=_meet, args=(embedded_stack, 2, other), kwargs={"run": "another", "within_s": 3.0}),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "shard 3 of 3 did not come within 3 s" in found[0]
    assert "shard 1 of 3 gave no start within 3 s" in found[1]
