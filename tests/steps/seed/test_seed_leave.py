"""A deployed stack's DHCP server is filled only where somebody gave leave, and the seed file says so."""

import pytest
from made_targets import target
from scripted_server import Reply, serving

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.k6 import StopRequest
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.seed.fill import DesiredState, plan_seed

EMPTY = Reply(body={"kind": "List", "metadata": {"total": 0, "limit": 100, "offset": 0}, "items": []})


def _intended(folder, *, kea, allow_dhcp):
    """What seeding an empty stack comes to, which never says that it is a stand-in; and what the stack was asked."""
    with serving(EMPTY) as server:
        services = dict.fromkeys((Service.SMD, Service.BSS, Service.CLOUD_INIT), server.url)
        wish = DesiredState(5, 5, shared_stack=False, allow_dhcp=allow_dhcp)
        with Chamicore(target(services=services, kea=server.url if kea else None)) as client, StopRequest() as stop:
            return plan_seed(client, folder / "seed.json", wish, stop).seed


def test_a_deployed_kea_is_not_filled_without_leave(tmp_path):
    with pytest.raises(ConfigurationError, match=r"DHCP server .*--allow-dhcp"):
        _intended(tmp_path, kea=True, allow_dhcp=False)


@pytest.mark.parametrize(("kea", "allow_dhcp"), [(True, True), (False, False)])
def test_leave_is_recorded(tmp_path, kea, allow_dhcp):
    assert _intended(tmp_path, kea=kea, allow_dhcp=allow_dhcp).dhcp_allowed is allow_dhcp
