"""A new deployment is seeded with the leave that the night's own seed had, and with no more."""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr
from scripted_server import Reply, listing, serving

from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import CredentialKind, Service, TargetOptions
from chamiperf_ci.steps import confirm

V1 = Path(__file__).parents[2] / "golden/v1/seed.json"


@pytest.fixture
def seed_again(tmp_path, monkeypatch):
    """Seeds a deployed stack with a Kea as a seed of that leave says; the new seed, before anything is written."""

    def seed(dhcp_allowed):
        before = Seed.model_validate(json.loads(V1.read_text()))
        changed = {"environment": "lab", "stack_kind": "deployed", "shared": None, "dhcp_allowed": dhcp_allowed}
        path = tmp_path / "seed.json"
        write_document(path, before.model_validate(before.model_dump() | changed))
        begun = []
        monkeypatch.setattr(confirm, "apply_seed", lambda *arguments: begun.append(arguments[3].seed))
        probes = ("/health", "/readiness")
        with serving(lambda asked: Reply(body={"status": "ok"} if asked.path in probes else listing([]))) as server:
            services = dict.fromkeys((Service.SMD, Service.BSS, Service.CLOUD_INIT), server.url)
            given = TargetOptions(
                environment="lab",
                services=services,
                kea=server.url,
                network=before.network,
                secrets={CredentialKind.INTERNAL_TOKEN: SecretStr("planted-token")},
            )
            confirm.ready_and_seeded(given, path, None, None, lambda _text: None)
        (seed,) = begun
        return seed

    return seed


def test_a_confirmation_fills_no_kea_that_the_nights_seed_had_no_leave_to_fill(seed_again):
    with pytest.raises(ConfigurationError, match=r"DHCP server .*seed --allow-dhcp"):
        seed_again(dhcp_allowed=False)


def test_a_leave_that_was_given_holds_for_the_confirmation(seed_again):
    assert seed_again(dhcp_allowed=True).dhcp_allowed
