"""Whether this machine can make a load."""

import pytest

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.plan import Plan, PlannedPhase
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.load.plan import MachineLimits, require_room, segments_needed

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
        segments=1,
        services=tuple(rates),
        vus=connections,
        memory_mb=memory_mb,
        connections=connections,
        **{"requests": 1e12, **more},
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
