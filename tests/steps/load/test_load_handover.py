"""What k6 is given beside the plan."""

from types import SimpleNamespace

import pytest
from made_targets import target

from chamiperf_ci.adapters import machine
from chamiperf_ci.adapters.k6.command import arguments
from chamiperf_ci.steps.load.documents import SLACK_S, k6_runs
from chamiperf_ci.steps.load.plan import assign
from chamiperf_ci.steps.load.request import LoadOptions, read_profile


def _job(options, **services):
    return SimpleNamespace(
        k6=SimpleNamespace(path="k6"),
        output_settings={},
        options=options,
        subject_token=None,
        share=None,
        target=target(services=services),
    )


def test_k6_may_take_its_whole_setup_before_its_time_limit_counts_against_it(tmp_path):
    slow = assign(read_profile("full"), "dhcp_sync_burst", LoadOptions(settings={"settle_s": 900.0}))
    (run,) = k6_runs(_job(LoadOptions()), slow, tmp_path / "plan.json", "lt1")
    assert run.timeout_s >= 900 + slow.duration_s + SLACK_S


@pytest.mark.parametrize("connections", ["keep", "fresh"])
def test_processes_that_share_a_crowd_over_loopback_connect_from_addresses_of_their_own(
    tmp_path, monkeypatch, connections
):
    monkeypatch.setattr(machine, "local_ports", lambda: 28_232)
    monkeypatch.setattr(machine, "has_loopback_block", lambda: True)
    options = LoadOptions(vus=20_000, spike_vus=20_000, shards=2, connections=connections)
    plan = assign(read_profile("full"), "boot_storm", options)
    runs = k6_runs(_job(options, bss="http://127.0.0.1:1"), plan, tmp_path / "plan.json", "lt1")
    given = [run.sources for run in runs]
    assert [len(each) for each in given] == ([2, 2] if connections == "keep" else [0, 0])
    assert len({*given[0], *given[1]}) == sum(map(len, given))
    command = arguments(runs[1], address="127.0.0.1:1", parent=1)
    assert ("--local-ips" in command) is (connections == "keep")
