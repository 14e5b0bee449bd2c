"""200 ms put into one place must show in that place, and in no other."""

import functools
import json
from pathlib import Path

import pytest
from watching import chamiperf

from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.models.run import Run
from chamiperf_ci.steps.report import time_splits

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(480)]

PLACES = {"database": "database", "service": "service", "front": "front"}
"""The layer that is slowed down, and the column that it belongs in."""
LOAD = ("--scenario", "boot_storm", "--profile", "demo", "--vus", "20", "--spike", "0", "--sustained", "8s",
        "--ramp-up", "0.5s", "--cooldown", "0", "--settle", "0")  # fmt: skip
"""Long enough for a hundred answers and several looks at the service, also where the machine is busy elsewhere."""


@pytest.fixture(scope="module")
def split_of(tmp_path_factory):
    """The split of one endpoint's time: as it is, or with 200 ms in a layer."""
    from chamicore_standin import lifecycle  # noqa: PLC0415
    from chamiperf_ci.models.target import StackOptions  # noqa: PLC0415 - with the stack's own imports

    folder = tmp_path_factory.mktemp("split")
    state_dir = folder / "state"
    lifecycle.up(StackOptions(ports="ephemeral"), state_dir=state_dir)
    try:
        done = chamiperf(state_dir, "seed", "--nodes", "50", "--target", "embedded", "--out", str(folder))
        assert done.returncode == 0, done.stderr
        yield functools.cache(functools.partial(measure, state_dir, folder))
    finally:
        lifecycle.down(state_dir)


def measure(state_dir, folder: Path, layer):
    if layer:
        fault = ("--service", "bss", "--route", "bootscript", "--latency-ms", "200", "--layer", layer)
        assert chamiperf(state_dir, "stack", "fault", "set", *fault).returncode == 0
    chamiperf(state_dir, "load", *LOAD, "--target", "embedded", "--out", str(folder))
    chamiperf(state_dir, "stack", "fault", "clear")
    text = (folder / "runs" / "boot_storm.json").read_text(encoding="utf-8")
    (split,) = time_splits(Run.model_validate(json.loads(text)), dialect())
    return split


@pytest.mark.thorough  # Two loads; tests/standin/test_faults.py sees who feels each layer's latency.
@pytest.mark.parametrize("layer", PLACES)
def test_the_column_that_grew_most_is_the_right_one(split_of, layer):
    before, after = split_of(""), split_of(layer)
    growth = {name: (getattr(after, name) or 0.0) - (getattr(before, name) or 0.0) for name in PLACES.values()}
    assert max(growth, key=growth.__getitem__) == PLACES[layer], growth
