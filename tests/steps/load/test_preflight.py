"""Whether this machine can make a load."""

from ipaddress import ip_address

import pytest
from made_targets import target

from chamiperf_ci.adapters import machine
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.plan import Plan, PlannedPhase
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.load.plan import MachineLimits, limits, require_room, segments_needed, sources

ROOMY = MachineLimits(available_mb=32_000, open_files=65_536, local_ports=28_232)


def _volume(connections=1000, memory_mb=500.0, rate=1000.0, peak_requests_per_s=None, **more):
    rates = {Service.BSS: rate} if peak_requests_per_s is None else peak_requests_per_s
    phase = PlannedPhase(
        name="sustained", duration_s=1, from_vus=connections, to_vus=connections, offered_per_s=1, sent_per_s=rates
    )
    return Plan(
        model="closed",
        phases=(phase,),
        window_s=0,
        planned_iterations=1,
        services=tuple(rates),
        vus=connections,
        memory_mb=memory_mb,
        connections=connections,
        **{"requests": 1e12, "segments": 1, **more},
    )


def _limits(**fields):
    return MachineLimits(**{"available_mb": 32_000, "open_files": 65_536, "local_ports": 28_232, **fields})


def test_a_load_that_fits_passes():
    require_room(_volume(), ROOMY, fresh=False, addresses=1)


@pytest.mark.parametrize(
    ("connections", "open_files", "segments"),
    [(100, 1024, 1), (524, 1024, 1), (525, 1024, 2), (20_000, 20_000, 2), (20_000, 65_536, 1), (40_000, 20_000, 3)],
)
def test_processes_are_as_many_as_their_open_files_demand(connections, open_files, segments):
    assert segments_needed(_volume(connections), open_files) == segments


@pytest.mark.parametrize(
    ("volume", "limits", "options", "remedy"),
    [
        pytest.param(_volume(1000), _limits(open_files=400), {}, "ulimit -Hn 1500", id="open files"),
        pytest.param(_volume(30_000), ROOMY, {}, "sysctl -w net.ipv4.ip_local_port_range", id="local ports"),
        pytest.param(_volume(rate=500), ROOMY, {"fresh": True}, "--connections keep", id="fresh connections"),
        pytest.param(
            _volume(peak_requests_per_s={Service.SMD: 300.0, Service.BSS: 300.0}),
            ROOMY,
            {"fresh": True},
            "--connections keep",
            id="fresh connections of two services behind one gateway",
        ),
        pytest.param(
            _volume(peak_requests_per_s={}, unpaced_requests_per_s=500.0),
            ROOMY,
            {"fresh": True},
            "--connections keep",
            id="fresh connections at a rate that nothing fixes",
        ),
        pytest.param(_volume(memory_mb=900), _limits(available_mb=900), {}, "about 900 would fit", id="memory"),
    ],
)
def test_what_is_too_small_is_named_with_what_raises_it(volume, limits, options, remedy):
    with pytest.raises(ConfigurationError, match=remedy):
        require_room(volume, limits, **{"fresh": False, "addresses": 1, **options})


def test_connections_to_several_addresses_share_no_ports():
    require_room(_volume(40_000), ROOMY, fresh=False, addresses=2)


def test_fresh_connections_are_never_more_than_the_requests():
    require_room(_volume(rate=500, requests=20_000), ROOMY, fresh=True, addresses=1)


def test_fresh_connections_to_two_addresses_share_no_ports():
    volume = _volume(peak_requests_per_s={Service.SMD: 300.0, Service.BSS: 300.0})
    require_room(volume, ROOMY, fresh=True, addresses=2)


def test_fresh_connections_are_bearable_where_ports_are_free_again_at_once():
    require_room(_volume(rate=500), _limits(ports_reused_at_once=True), fresh=True, addresses=1)


@pytest.mark.parametrize(
    ("connections", "segments", "limits", "count"),
    [
        pytest.param(14_116, 1, _limits(all_loopback=True), 0, id="half of the ports are found at once"),
        pytest.param(14_117, 1, _limits(all_loopback=True), 3, id="a quarter for each address"),
        pytest.param(20_000, 2, _limits(all_loopback=True), 4, id="as many for each process"),
        pytest.param(90_000, 5, _limits(all_loopback=True), 15, id="more than all ports of one address"),
        pytest.param(20_000, 2, ROOMY, 0, id="not all is on loopback"),
        pytest.param(20_000, 2, _limits(all_loopback=True, local_ports=64_512), 0, id="more ports"),
    ],
)
def test_a_crowd_of_connections_over_loopback_begins_at_several_addresses(connections, segments, limits, count):
    planned = _volume(connections, segments=segments)
    found = sources(planned, limits, run_id="rt1")
    assert len(found) == len(set(found)) == count
    assert all(ip_address(each).is_loopback for each in found)
    assert not sources(planned, limits, run_id="rt1", fresh=True)


def test_each_run_has_addresses_of_its_own_because_a_closed_connection_holds_its_port():
    planned, local = _volume(90_000, segments=5), _limits(all_loopback=True)
    runs = [set(sources(planned, local, run_id=f"rtp9q3stjt{number}")) for number in range(10)]
    assert len(set.union(*runs)) == 150


def test_local_ports_are_no_limit_where_several_addresses_have_them():
    roomy = _limits(all_loopback=True, available_mb=64_000)
    require_room(_volume(60_000), roomy, fresh=False, addresses=1)
    with pytest.raises(ConfigurationError, match="local ports to one address"):
        require_room(_volume(60_000), roomy, fresh=True, addresses=1)


@pytest.mark.parametrize(
    ("urls", "whole"),
    [
        ({Service.BSS: "http://127.0.0.1:1"}, True),
        ({Service.BSS: "http://127.1.2.3:1", Service.SMD: "http://127.0.0.1:2"}, True),
        ({Service.BSS: "http://127.0.0.1:1", Service.SMD: "http://192.0.2.1:2"}, False),
        ({Service.BSS: "http://localhost:1"}, False),
        ({Service.BSS: "http://[::1]:1"}, False),
        ({}, False),
    ],
)
def test_only_addresses_of_ipv4s_loopback_have_others_beside_them(urls, whole, monkeypatch):
    assert limits(target(services=urls)).all_loopback is whole
    assert not limits(target(services=urls, gateway="http://192.0.2.1")).all_loopback
    assert not limits(target(services=urls, kea="http://192.0.2.1")).all_loopback
    monkeypatch.setattr(machine, "has_loopback_block", lambda: False)
    assert not limits(target(services=urls)).all_loopback
