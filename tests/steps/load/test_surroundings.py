"""The builds of a run: what services say of themselves, and what whoever deployed them wrote down."""

import json

import pytest
from made_targets import target
from scripted_server import Reply, serving

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.target import Identity, Service
from chamiperf_ci.steps.load.stack_state import inspect_stack


def around(manifest=None, version=None):
    with serving(Reply(body=version or {})) as server:
        services = {Service.BSS: server.url}
        with Chamicore(target(services=services, stack_manifest=manifest)) as client:
            return inspect_stack(client)


@pytest.fixture
def manifest(tmp_path):
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"bss": "sha256:aa", "kea": "sha256:bb"}))
    return file


def test_without_a_manifest_a_service_speaks_for_itself():
    assert around(version={"version": "1.4.0", "commit": "1a2b3c4"}).identities == (
        Identity(service="bss", version="1.4.0", commit="1a2b3c4"),
    )


def test_a_manifest_outranks_what_a_service_says(manifest):
    found = around(manifest, {"version": "1.4.0", "commit": "1a2b3c4"}).identities
    assert found[0] == Identity(service="bss", version="1.4.0", image="sha256:aa")


def test_a_service_without_a_version_is_known_by_the_manifest(manifest):
    found = around(manifest)
    assert [identity.service for identity in found.identities] == ["bss", "kea"]
    assert found.warnings == ()


def test_a_manifest_that_is_not_there_stops_the_load(tmp_path):
    with pytest.raises(ConfigurationError, match="manifest cannot be used"):
        around(tmp_path / "none.json")
