"""`chamiperf seed` and `chamiperf load` where nothing but the gateway of an embedded stack is known."""

import pytest
from command_line import command

from chamicore_standin import lifecycle
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import StackKind

pytestmark = pytest.mark.e2e

FEW = ("discovery", "power", "mcp", "kea", "kea-sync")
WITHOUT = ("--without", "discovery", "--without", "power", "--without", "mcp")
SHORT = ("--profile", "demo", "--vus", 5, "--spike", 0, "--sustained", "3s", "--settle", "0.2s")


def test_an_embedded_stack_behind_its_gateway_is_no_product(make_stack, tmp_path):
    state = make_stack(gateway=True, without=FEW)
    alone = {
        "CHAMIPERF_GATEWAY_URL": state.url("gateway"),
        "CHAMICORE_INTERNAL_TOKEN": lifecycle.internal_token(state),
    }
    seeded = command("seed", *WITHOUT, "--nodes", 50, cwd=tmp_path, **alone)
    assert seeded.returncode == 0, seeded.stderr
    seed = Seed.model_validate_json((tmp_path / "out" / "seed.json").read_bytes())
    loaded = command("load", *WITHOUT, *SHORT, cwd=tmp_path, **alone)
    run = Run.model_validate_json((tmp_path / "out" / "runs" / "boot_storm.json").read_bytes())
    assert (seed.stack_kind, run.fingerprint.stack_kind, run.self_test) == (
        StackKind.EMBEDDED,
        StackKind.EMBEDDED,
        True,
    ), loaded.stderr
